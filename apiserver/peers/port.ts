// What a peer link needs from the rest: a client for the peer's door, and somewhere to put what comes through it.

import type { Freshness, HistoryLoss } from '../../mesh/conflict/facts.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Mirror, MirrorObserver, Store, StoreEvent } from '../store/port.ts';
import type { PeerSpec } from './peer-spec.ts';

/** What a connection that was made has shown to both sides. */
export interface LinkHandshake {
  /** PEM, as the door presented it, leaf first. */
  readonly chain: string;
  /** PEM of the certificate that this side has shown. */
  readonly shown: string;
}

/** A connection to a peer's door, or to the etcd of a plain Cilium cluster. */
export interface DoorClient {
  readonly store: Pick<Store, 'get' | 'getAll' | 'status'>;
  /** SHA-256 of the certificate that this side has shown on the connection in use, as Node writes it. */
  readonly shown?: string | undefined;
  /** Of the connection that was made last; undefined once it is gone. */
  readonly handshake?: LinkHandshake | undefined;
  /** One watch per prefix, and of what is not kept no entries; see the store's mirror. */
  mirror(prefixes: readonly string[], observer: MirrorObserver, keeps: (key: string) => boolean): Mirror;
  close(): void;
}

/** Reads the peer's trust store and makes a client; connects when first used. */
export type OpenDoor = (spec: PeerSpec) => Promise<DoorClient>;

export type KnownKeys = Pick<ReadonlySet<string>, 'has' | 'keys'>;

/** Takes the raw facts of a peer, as they come; the one writer of what is admitted. */
export interface PeerIntake {
  /** A peer that is configured, before anything is known of it. */
  addPeer(peer: ClusterName): void;
  /** Changes under `cilium/state/`. */
  applyPeerBatch(peer: ClusterName, events: readonly StoreEvent[]): void;
  /** Forgets the records that are not in `keys`: the peer was listed from scratch, and this is everything it has. */
  retainRecords(peer: ClusterName, keys: KnownKeys): void;
  /** How many records of the peer are held, used or not. */
  recordCount(peer: ClusterName): number;
  setConfig(peer: ClusterName, bytes: Uint8Array | undefined): void;
  /**
   * `undefined`: the peer has no card, a plain Cilium cluster. `writtenNow`: it came as it was written, and not from a list or out of
   * a history that was caught up with; only then does its time say how late the peer's clock is.
   */
  setCard(peer: ClusterName, bytes: Uint8Array | undefined, writtenNow?: boolean): void;
  setFreshness(peer: ClusterName, freshness: PeerFreshness): void;
  removePeer(peer: ClusterName): void;
}

export interface PeerFreshness {
  readonly freshness: Freshness;
  readonly heartbeatAgeMs: number | undefined;
  /** All canaries have been seen and the first list is complete: what is absent is really absent. */
  readonly synced: boolean;
  /** Its etcd was replaced or went back; undefined once a complete list of it has been compared, and that could be seen. */
  readonly historyLost?: HistoryLoss | undefined;
}

export type PeerPhase = 'connecting' | 'verifying' | 'listing' | 'live' | 'reconnecting' | 'failed';

/** What is asked of a link again and again, for every record and every scrape: each is read by itself, and costs next to nothing. */
export interface PeerPulse {
  readonly phase: PeerPhase;
  readonly freshness: Freshness;
  readonly heartbeatAgeMs: number | undefined;
  readonly synced: boolean;
  /** Its services were handed on in pieces, and all of them; else they were whole. */
  readonly inPieces: boolean;
  /** Everything up to here has been received. */
  readonly revision: number | undefined;
}

/** A peer link as status shows it. */
export interface PeerLinkState extends PeerPulse {
  readonly name: ClusterName;
  readonly endpoints: readonly string[];
  readonly plain: boolean;
  /** Prefixes whose canary has not been seen. */
  readonly unsynced: readonly string[];
  readonly storeId: string | undefined;
  readonly records: number;
  readonly disconnects: number;
  /** SHA-256 of the certificate that this side has shown on the connection in use. */
  readonly shown?: string | undefined;
  readonly failures: number;
  readonly lastError: string | undefined;
}

// What the reflector reads of admission and of the peers' links, and whom it tells how far it has come.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { PeerRecord } from '../../mesh/wire/peer-record.ts';

/** What may be used of a service in pieces, as it is stored. */
export interface AdmittedPieces {
  readonly head: Uint8Array;
  readonly slices: readonly Uint8Array[];
  readonly backends: number;
}

export interface ReflectedPeer {
  /** What other programs need to know of the peer's state. */
  readonly record: PeerRecord;
  /** Records that may be used, by the peer's own key. */
  readonly admitted: ReadonlyMap<string, Uint8Array>;
  /** By the peer's own key of the whole service; undefined where the head of it may not be used. */
  readonly pieces: (wholeKey: string) => AdmittedPieces | undefined;
  /** Services were received in pieces, and all of them; else they were whole. */
  readonly inPieces: boolean;
  /** Encoded quarantine records, by the peer's own key. */
  readonly quarantined: ReadonlyMap<string, Uint8Array>;
  /** The same bytes, and not only equal ones, for as long as it says the same. */
  readonly config: Uint8Array | undefined;
  /** Likewise. */
  readonly card: Uint8Array | undefined;
  /** What is absent above is really absent: only then may something be taken away. */
  readonly complete: boolean;
}

export interface ReflectedPeers {
  /** The configured peers are known: what belongs to another is left over. */
  readonly known: boolean;
  names(): Iterable<ClusterName>;
  peer(name: ClusterName): ReflectedPeer | undefined;
}

/** A key of the own etcd, and the peer that it stems from. */
export interface KeyOfPeer {
  readonly key: string;
  readonly peer: ClusterName;
}

/** Keys are those of the own etcd. */
export interface ReflectionWatcher {
  /** This replica begins to write, or does no longer. */
  begin(writing: boolean): void;
  /** Keys have to be looked at because of what the peer said. */
  changed(peer: ClusterName, keys: Iterable<string>): void;
  /** What they are to be is read now, and written. */
  takenUp(keys: readonly KeyOfPeer[]): void;
  written(keys: readonly KeyOfPeer[]): void;
}

// Who is connected, and what each client holds: calls, watches, and bytes that it has asked for and not yet taken. One client's
// share is bounded, so that a peer in a loop costs the others nothing.

import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { ClientKind } from './access.ts';
import type { DoorIdentity } from './identity.ts';
import { LookAllowance } from './look-allowance.ts';
import { goingAway, type Refusal, tooMany } from './refusals.ts';

export interface DoorClientState {
  /** `peer east`, `agent n1`. */
  readonly name: string;
  readonly kind: ClientKind;
  readonly cluster: ClusterName;
  /** Of the first call; the replicas of a peer share a name and an entry. */
  readonly address: string;
  readonly calls: number;
  readonly watches: number;
}

export interface ClientQuota {
  readonly callsMax: number;
  readonly watchesMax: number;
  readonly unsentBytesMax: number;
  /** Entries and changes that reads may look at, on average, with as much again saved up. */
  readonly looksPerSecond: number;
}

/** A million entries read in pages is one bootstrap of the largest mesh; twice that keeps a core busy for half of the time. */
const LOOKS_PER_SECOND = 2_000_000;
/** Two pages of the largest size in flight, and as much again while they are made. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;
/**
 * A peer comes with its replicas, one stream of seven watches each; a Cilium cluster with KVStoreMesh's or, in old releases, with
 * every node's. A local client is one address, and may watch five prefixes of each of 511 clusters.
 */
export const QUOTAS: Readonly<Record<ClientKind, ClientQuota>> = {
  peer: { callsMax: 512, watchesMax: 8_192, unsentBytesMax: UNSENT_BYTES_MAX, looksPerSecond: LOOKS_PER_SECOND },
  local: { callsMax: 64, watchesMax: 4_096, unsentBytesMax: UNSENT_BYTES_MAX, looksPerSecond: LOOKS_PER_SECOND },
  admin: { callsMax: 64, watchesMax: 4_096, unsentBytesMax: UNSENT_BYTES_MAX, looksPerSecond: LOOKS_PER_SECOND },
};

/** Every peer, and every node of a large cluster. */
const ALLOWANCES_MAX = 10_000;

/** One call's part of its client's share; `close` gives everything back. */
export interface CallSlot {
  /** Why there is no more; undefined when it was taken. */
  reserveWatch(): Refusal | undefined;
  releaseWatch(): void;
  reserveBytes(bytes: number): Refusal | undefined;
  /** Why the client may not read now; what its reads look at is known, and noted, afterwards. */
  mayLook(): Refusal | undefined;
  looked(count: number): void;
  close(): void;
}

interface Client {
  readonly identity: DoorIdentity;
  readonly address: string;
  /** How to end each call. */
  readonly calls: Set<(why: Refusal) => void>;
  watches: number;
  unsentBytes: number;
  readonly looks: LookAllowance;
}

export class DoorClients {
  readonly #clock: Clock;
  readonly #quotas: Readonly<Record<ClientKind, ClientQuota>>;
  readonly #clients = new Map<string, Client>();
  /** Outlives the calls, since a client could end each of its calls to be given another; the oldest first. */
  readonly #allowances = new Map<string, LookAllowance>();

  constructor(clock: Clock, quotas: Readonly<Record<ClientKind, ClientQuota>> = QUOTAS) {
    this.#clock = clock;
    this.#quotas = quotas;
  }

  list(): readonly DoorClientState[] {
    return [...this.#clients.values()].map(({ identity, address, calls, watches }) => ({
      ...identity,
      address,
      calls: calls.size,
      watches,
    }));
  }

  /** `end` is called at most once, and never after the slot was closed. */
  admit(identity: DoorIdentity, address: string, end: (why: Refusal) => void): Result<CallSlot, Refusal> {
    const name = shareOf(identity, address);
    const quota = this.#quotas[identity.kind];
    const client = this.#clients.get(name) ?? newClient(identity, address, this.#allowanceOf(name, quota));
    if (client.calls.size >= quota.callsMax) return err(tooMany(`${identity.name} has ${quota.callsMax} calls open`));
    this.#clients.set(name, client);
    client.calls.add(end);
    const held = { watches: 0, bytes: 0 };
    return ok({
      reserveWatch() {
        if (client.watches >= quota.watchesMax) return tooMany(`${identity.name} has ${quota.watchesMax} watches`);
        client.watches += 1;
        held.watches += 1;
        return undefined;
      },
      releaseWatch() {
        if (!client.calls.has(end)) return;
        client.watches -= 1;
        held.watches -= 1;
      },
      reserveBytes(bytes) {
        // One answer always passes, whatever its size: it could never be sent otherwise.
        if (client.unsentBytes > 0 && client.unsentBytes + bytes > quota.unsentBytesMax) {
          return tooMany(`${identity.name} has not taken ${client.unsentBytes} bytes that it asked for`);
        }
        client.unsentBytes += bytes;
        held.bytes += bytes;
        return undefined;
      },
      mayLook() {
        return client.looks.isUsedUp
          ? tooMany(`${identity.name} reads more than ${quota.looksPerSecond} entries/s`)
          : undefined;
      },
      looked(count) {
        client.looks.take(count);
      },
      close: () => {
        if (!client.calls.delete(end)) return;
        client.watches -= held.watches;
        client.unsentBytes -= held.bytes;
        if (client.calls.size === 0 && this.#clients.get(name) === client) this.#clients.delete(name);
      },
    });
  }

  #allowanceOf(name: string, { looksPerSecond }: ClientQuota): LookAllowance {
    const looks = this.#allowances.get(name) ?? new LookAllowance(looksPerSecond, this.#clock);
    this.#allowances.set(name, looks);
    const [oldest] = this.#allowances.keys();
    if (this.#allowances.size > ALLOWANCES_MAX && oldest !== undefined) this.#allowances.delete(oldest);
    return looks;
  }

  /** Ends the calls of a peer. Its next call is judged by the trust of then. */
  disconnect(cluster: ClusterName): void {
    for (const { identity, calls } of this.#clients.values()) {
      if (identity.kind !== 'peer' || identity.cluster !== cluster) continue;
      for (const end of [...calls]) end(goingAway(`${identity.name} was disconnected`));
    }
  }

  endAll(why: Refusal): void {
    for (const { calls } of this.#clients.values()) for (const end of [...calls]) end(why);
  }
}

const newClient = (identity: DoorIdentity, address: string, looks: LookAllowance): Client => ({
  identity,
  address,
  calls: new Set(),
  watches: 0,
  unsentBytes: 0,
  looks,
});

/** All nodes of a Cilium cluster come with one certificate to their own door. */
function shareOf({ kind, name }: DoorIdentity, address: string): string {
  return kind === 'peer' ? name : `${name} at ${address.slice(0, address.lastIndexOf(':'))}`;
}

// Who is connected, and what each client holds: calls, watches, and bytes that it has asked for and not yet taken. One client's
// share is bounded, so that a peer in a loop costs the others nothing.

import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { ClientKind } from './access.ts';
import type { DoorIdentity } from './identity.ts';
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
}

/** Two pages of the largest size in flight, and as much again while they are made. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;
/**
 * A peer comes with its replicas, one stream of six watches each; a Cilium cluster with KVStoreMesh's or, in old releases, with
 * every node's. A local client is one address, and may watch five prefixes of each of 511 clusters.
 */
export const QUOTAS: Readonly<Record<ClientKind, ClientQuota>> = {
  peer: { callsMax: 512, watchesMax: 8_192, unsentBytesMax: UNSENT_BYTES_MAX },
  local: { callsMax: 64, watchesMax: 4_096, unsentBytesMax: UNSENT_BYTES_MAX },
  admin: { callsMax: 64, watchesMax: 4_096, unsentBytesMax: UNSENT_BYTES_MAX },
};

/** One call's part of its client's share; `close` gives everything back. */
export interface CallSlot {
  /** Why there is no more; undefined when it was taken. */
  reserveWatch(): Refusal | undefined;
  releaseWatch(): void;
  reserveBytes(bytes: number): Refusal | undefined;
  close(): void;
}

interface Client {
  readonly identity: DoorIdentity;
  readonly address: string;
  /** How to end each call. */
  readonly calls: Set<(why: Refusal) => void>;
  watches: number;
  unsentBytes: number;
}

export class DoorClients {
  readonly #quotas: Readonly<Record<ClientKind, ClientQuota>>;
  readonly #clients = new Map<string, Client>();

  constructor(quotas: Readonly<Record<ClientKind, ClientQuota>> = QUOTAS) {
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
    const client = this.#clients.get(name) ?? { identity, address, calls: new Set(), watches: 0, unsentBytes: 0 };
    const quota = this.#quotas[identity.kind];
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
      close: () => {
        if (!client.calls.delete(end)) return;
        client.watches -= held.watches;
        client.unsentBytes -= held.bytes;
        if (client.calls.size === 0 && this.#clients.get(name) === client) this.#clients.delete(name);
      },
    });
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

/** All nodes of a Cilium cluster come with one certificate to their own door. */
function shareOf({ kind, name }: DoorIdentity, address: string): string {
  return kind === 'peer' ? name : `${name} at ${address.slice(0, address.lastIndexOf(':'))}`;
}

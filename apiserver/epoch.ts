// Gives the own etcd its epoch (mesh/wire/epoch.ts), once, while this replica leads: when the canaries in it say that the own
// cluster and all its peers have been written. Until then nobody is shown this etcd (filled-history.ts). A peer that cannot be
// reached is not waited for forever: what it says is in this process's memory, or nowhere.

import type { ClusterName } from '../mesh/model/names.ts';
import { decodeEpoch, EPOCH_KEY } from '../mesh/wire/epoch.ts';
import { CILIUM_KIND_NAMES } from '../mesh/wire/record-kinds.ts';
import { cacheSyncedKey, syncedKey } from '../mesh/wire/synced.ts';
import { type Clock, sleep } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { ReflectedPeers } from './reflect/port.ts';
import type { Condition, KeyValue, Store } from './store/port.ts';

export interface EpochDeps {
  readonly self: ClusterName;
  readonly store: Pick<Store, 'transact'>;
  /** The mirror of the own etcd. */
  readonly observed: ReadonlyMap<string, KeyValue>;
  readonly peers: Pick<ReflectedPeers, 'known' | 'names'>;
  /** Nothing about peers waits to be written. */
  readonly reflected: () => boolean;
  /** 16 random hexadecimal digits. */
  readonly newEpoch: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

/** While an etcd is filled agents wait for their snapshot; filling one of a small cluster takes tens of milliseconds. */
const FILLING_LOOK_MS = 25;
/** Once it is filled, only somebody who deletes the key, or wipes the etcd, changes that. */
const FILLED_LOOK_MS = 1_000;
/** A peer that is there is connected, listed and written within a few seconds. */
const PEERS_WAIT_MS = 15_000;

export class EpochRecord {
  readonly #deps: EpochDeps;

  constructor(deps: EpochDeps) {
    this.#deps = deps;
  }

  /** Sees to it that there is an epoch until the signal aborts: for as long as this replica leads. */
  async lead(signal: AbortSignal, fence: Condition): Promise<void> {
    const { clock, log } = this.#deps;
    let waitingSince: number | undefined;
    while (!signal.aborted) {
      if (this.#isKnown) waitingSince = undefined;
      else {
        waitingSince ??= clock.monotonic();
        try {
          if (this.#isFilled(clock.monotonic() - waitingSince >= PEERS_WAIT_MS)) await this.#create(fence, signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof OperationalError)) throw error;
          log.debug('cannot give the etcd its epoch yet', { error });
        }
      }
      const pauseMs = waitingSince === undefined ? FILLED_LOOK_MS : FILLING_LOOK_MS;
      await sleep(clock, pauseMs, signal).catch(() => {});
    }
  }

  get #isKnown(): boolean {
    const entry = this.#deps.observed.get(EPOCH_KEY);
    return entry !== undefined && decodeEpoch(entry.value).ok;
  }

  #isFilled(waitedForPeers: boolean): boolean {
    const { self, observed, peers, reflected } = this.#deps;
    const complete = (canary: (kind: (typeof CILIUM_KIND_NAMES)[number]) => string): boolean =>
      CILIUM_KIND_NAMES.every((kind) => observed.has(canary(kind)));
    if (!complete((kind) => syncedKey(self, kind)) || !peers.known || !reflected()) return false;
    return waitedForPeers || [...peers.names()].every((peer) => complete((kind) => cacheSyncedKey(peer, kind)));
  }

  async #create(fence: Condition, signal: AbortSignal): Promise<void> {
    const { store, observed, newEpoch, log } = this.#deps;
    const epoch = newEpoch();
    const { succeeded } = await store.transact(
      [{ type: 'put', key: EPOCH_KEY, value: Buffer.from(epoch) }],
      [{ key: EPOCH_KEY, modRevision: observed.get(EPOCH_KEY)?.modRevision ?? 0 }, fence],
      signal,
    );
    if (succeeded) log.info('the etcd is filled', { epoch });
  }
}

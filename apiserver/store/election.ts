// Picks the one replica that writes. Whoever creates the key of an election, under a lease, leads until the lease may have
// ended, by the lease's own deadline, or the key is no longer the one it created. A leader's writes can carry `fence` as a
// condition: then a write that was on its way when leadership ended is refused by etcd itself.
//
// Others look at the key every second instead of watching it: a look cannot be missed, and a hand-over after a crash waits
// for the lease anyway.

import { setMaxListeners } from 'node:events';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Condition, Lease, Store } from './port.ts';

/** A crashed leader is replaced after this; a break of the network shorter than 80 % of it costs no leadership. */
const TTL_SECONDS = 10;
const LOOK_INTERVAL_MS = 1000;

export const electionKey = (name: string): string => `clustermesh/v1/election/${name}`;

export interface ElectionDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface Campaign {
  readonly name: string;
  /** Written into the key, for people: who leads. */
  readonly candidate: string;
  /** @default 10 */
  readonly ttlSeconds?: number;
  /** Leads until `signal` aborts, and must have stopped writing when it settles. To settle earlier is to step back. */
  readonly onLeading: (signal: AbortSignal, fence: Condition) => Promise<void>;
}

export class Election {
  readonly #deps: ElectionDeps;

  constructor(deps: ElectionDeps) {
    this.#deps = deps;
  }

  /** Stands for election, leads, and stands again, until the signal aborts. */
  async run(campaign: Campaign, signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#deps;
    while (!signal.aborted) {
      try {
        await this.#stand(campaign, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof OperationalError)) throw error;
        log.debug('election goes on', { election: campaign.name, error });
      }
      await sleep(clock, LOOK_INTERVAL_MS * (0.75 + 0.5 * random.next()), signal).catch(() => {});
    }
  }

  async #stand(campaign: Campaign, signal: AbortSignal): Promise<void> {
    const { store, log } = this.#deps;
    const key = electionKey(campaign.name);
    if ((await store.get(key, signal)) !== undefined) return;
    const lease = await store.grantLease(campaign.ttlSeconds ?? TTL_SECONDS, signal);
    try {
      const value = Buffer.from(campaign.candidate);
      const outcome = await store.transact(
        [{ type: 'put', key, value, lease: lease.id }],
        [{ key, modRevision: 0 }],
        signal,
      );
      if (!outcome.succeeded) return;
      log.info('leading', { election: campaign.name, candidate: campaign.candidate });
      await this.#lead(campaign, lease, { key, modRevision: outcome.position.revision }, signal);
      log.info('no longer leading', { election: campaign.name, candidate: campaign.candidate });
    } finally {
      // Hands over at once. When etcd cannot be told, the lease ends by itself.
      await lease.revoke().catch(() => {});
    }
  }

  async #lead(campaign: Campaign, lease: Lease, fence: Condition, signal: AbortSignal): Promise<void> {
    const leading = new AbortController();
    // Whoever writes while this replica leads listens, with several requests at a time: their number is no sign of a leak.
    setMaxListeners(0, leading.signal);
    const end = (): void => leading.abort(signal.aborted ? signal.reason : lease.lost.reason);
    signal.addEventListener('abort', end, { once: true });
    lease.lost.addEventListener('abort', end, { once: true });
    if (signal.aborted || lease.lost.aborted) end();
    const guard = this.#guard(fence, leading);
    try {
      await campaign.onLeading(leading.signal, fence);
    } finally {
      signal.removeEventListener('abort', end);
      leading.abort();
      await guard;
    }
  }

  /** Notices that somebody removed the key while the lease goes on. */
  async #guard(fence: Condition, leading: AbortController): Promise<void> {
    const { store, clock } = this.#deps;
    while (!leading.signal.aborted) {
      try {
        await sleep(clock, LOOK_INTERVAL_MS, leading.signal);
        const held = await store.get(fence.key, leading.signal);
        if (held?.modRevision !== fence.modRevision) leading.abort(new Error(`${fence.key} was taken away`));
      } catch {
        // etcd cannot be asked: the lease's deadline decides.
      }
    }
  }
}

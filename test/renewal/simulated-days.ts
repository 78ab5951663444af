// Days that pass in seconds: a cluster's folder of credentials whose leaves a renewer keeps, on a clock that goes from one timer of
// the renewer to the next, and waits in between until what the renewer does is on disk.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ClusterName } from '../../mesh/model/names.ts';
import { DAY_MS } from '../../pki/authority.ts';
import { initCluster } from '../../pki/init.ts';
import { type ClusterLayout, clusterLayout } from '../../pki/layout.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import { LeafRenewer, type RenewalReport } from '../../pki/renew/renewer.ts';
import type { Clock } from '../../runtime/clock.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';

export const CLUSTER = 'west' as ClusterName;

export class SimulatedDays {
  readonly clock = new ManualClock();
  readonly layout: ClusterLayout;
  readonly reports: RenewalReport[] = [];
  readonly #stop = new AbortController();
  readonly #renewers: Promise<void>[] = [];
  /** When each renewer that sleeps wakes. */
  readonly #wakes = new Map<number, number>();

  constructor(dir: string) {
    this.layout = clusterLayout(dir);
  }

  async init(lifeMs = DAY_MS): Promise<void> {
    await initCluster({
      dir: this.layout.dir,
      cluster: CLUSTER,
      nodes: ['n1', 'n2'],
      addresses: { etcd: [], door: [], rpc: [] },
      now: this.clock.now(),
      leafLifeMs: lifeMs,
    });
  }

  /** Starts a renewer; several may work on the one folder. */
  renewer(seed: number): void {
    const index = this.#renewers.length;
    const clock: Clock = {
      now: () => this.clock.now(),
      monotonic: () => this.clock.monotonic(),
      after: (delayMs, task) => {
        this.#wakes.set(index, this.clock.now() + delayMs);
        return this.clock.after(delayMs, () => {
          this.#wakes.delete(index);
          task();
        });
      },
    };
    const renewer = new LeafRenewer({
      leaves: new LeafFolder({ dir: this.layout.dir }),
      clock,
      random: seededRandom(seed),
      onRound: (report) => this.reports.push(report),
    });
    this.#renewers.push(renewer.run(this.#stop.signal));
  }

  /** Lets time pass; `eachWake` runs whenever a renewer has done what it woke for. */
  async pass(durationMs: number, eachWake: () => Promise<void> = async () => {}): Promise<void> {
    const until = this.clock.now() + durationMs;
    await this.#asleep();
    while (this.clock.now() < until) {
      const next = Math.min(until, ...this.#wakes.values());
      this.clock.advance(next - this.clock.now());
      await this.#asleep();
      await eachWake();
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#renewers);
  }

  async #asleep(): Promise<void> {
    while (this.#wakes.size < this.#renewers.length) await nextTurn();
  }
}

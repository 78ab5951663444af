// A reconciler on given maps with a clock that stands still until told: what tests of this folder, and live tests of the
// kernel's maps, drive. Not part of the agent.

import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { MeshService } from '../../mesh/model/service.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { DesiredState } from '../desired/desired-state.ts';
import type { ServiceMaps } from '../maps/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { type PassOutcome, Reconciler } from './reconciler.ts';
import { sizesOf } from './sizes.ts';
import { type Difference, verify } from './verify.ts';

export class Rig {
  readonly maps: ServiceMaps;
  readonly desired: DesiredState;
  readonly clock: ManualClock;
  readonly reconciler: Reconciler;
  readonly #cluster: ClusterName;
  readonly #signal = new AbortController().signal;

  constructor(maps: ServiceMaps, clock = new ManualClock(), cluster = 'west') {
    this.maps = maps;
    this.clock = clock;
    this.#cluster = cluster as ClusterName;
    this.desired = new DesiredState(sizesOf(maps));
    this.reconciler = new Reconciler({
      maps,
      desired: this.desired,
      clock,
      random: seededRandom(1),
      pause: () => undefined,
      log: silentLog,
    });
  }

  /** Makes the services the whole desired state. */
  async want(services: readonly MeshService[]): Promise<void> {
    const wanted = new Map<ServiceKey, MeshService>(services.map((service) => [service.key, service]));
    for (const key of [...this.desired.keys()]) {
      if (!wanted.has(key)) this.desired.set(key, undefined, this.#cluster);
    }
    for (const [key, service] of wanted) this.desired.set(key, service, this.#cluster);
    await this.reconciler.mark(await this.desired.settle(() => undefined));
  }

  pass(): Promise<PassOutcome> {
    return this.reconciler.pass(this.#signal);
  }

  /** One pass for the services. */
  async apply(services: readonly MeshService[]): Promise<PassOutcome> {
    await this.want(services);
    return this.pass();
  }

  /** Lets time go by until nothing is left to do at once or after a grace; at most `rounds` times. */
  async settle(rounds = 20): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await this.pass();
      const dueAt = this.reconciler.dueAt;
      if (dueAt === undefined) return;
      this.clock.advance(Math.max(1, Math.min(dueAt - this.clock.monotonic(), 60 * READER_GRACE_MS)));
    }
  }

  /** Everything that is not as desired. */
  async differences(): Promise<readonly Difference[]> {
    const frontends = [...this.desired.frontends()];
    const targetState = this.desired.targetState.bind(this.desired);
    return verify(this.maps, { frontends, targetState, targets: this.desired.table.onlooker });
  }
}

// Keeps a node's maps in step with its API servers: takes every new snapshot into the desired state, has the reconciler carry
// it into the maps, acknowledges what is there, and looks after the maps when nothing happens. The loop around the
// reconciler: it decides when, not what.

import { counted } from '../../mesh/model/counted.ts';
import type { ServiceKey } from '../../mesh/model/names.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import type { Health } from '../../runtime/health.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WakeableSleep } from '../../runtime/wakeable-sleep.ts';
import { DesiredState } from '../desired/desired-state.ts';
import { REFUSAL_CODES, type Refusal } from '../desired/frontend.ts';
import type { ServiceMaps } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import type { ChangedServices, Upstream } from '../upstream/port.ts';
import { Reconciler } from './reconciler.ts';
import { sizesOf } from './sizes.ts';

export interface ProgrammerDeps {
  readonly upstream: Pick<Upstream, 'onSnapshot' | 'acknowledge'>;
  readonly maps: ServiceMaps;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly health: Health;
  readonly log: Log;
  /** Called when one of these is reached, which may be often; the first time counts. */
  readonly onStage?: (stage: 'rows' | 'ready') => void;
  /** Called when the maps may have changed. */
  readonly onPass?: () => void;
}

/** Somebody else's hand in the maps shows within this time. A dump of 100,000 rows costs some tens of milliseconds. */
export const VERIFY_INTERVAL_MS = 60_000;
/** Pauses between attempts while the maps cannot be read or written. */
const BACKOFF = { delayMsMin: 100, delayMsMax: 30_000 };
const PART = 'maps';

export class Programmer {
  readonly desired: DesiredState;
  readonly reconciler: Reconciler;
  readonly #deps: ProgrammerDeps;
  readonly #backoff: Backoff;
  readonly #idle: WakeableSleep;
  #snapshot: MeshSnapshot | undefined;
  #changed: Set<ServiceKey> | 'all' = new Set();
  #ack: AckReport | undefined;
  #verifyAt = 0;
  #settled: Position | undefined;

  constructor(deps: ProgrammerDeps) {
    this.#deps = deps;
    this.desired = new DesiredState(sizesOf(deps.maps));
    const { maps, clock, random, pause, log } = deps;
    this.reconciler = new Reconciler({ maps, desired: this.desired, clock, random, pause, log });
    this.#backoff = new Backoff(random, BACKOFF);
    this.#idle = new WakeableSleep(clock);
  }

  /** The newest snapshot, programmed or not. */
  get snapshot(): MeshSnapshot | undefined {
    return this.#snapshot;
  }

  /** Services of newer snapshots that are not taken into the desired state yet. */
  get waiting(): number {
    return this.#changed === 'all' ? (this.#snapshot?.services.size ?? 0) : this.#changed.size;
  }

  /** The last acknowledgement: what is programmed. */
  get programmed(): AckReport | undefined {
    return this.#ack;
  }

  /** Everything that is not programmed, and why. */
  refusals(): readonly Refusal[] {
    return [...this.desired.refusals(), ...this.reconciler.refusals()];
  }

  /** Goes on until the signal aborts; leaves the maps as they are. Rejects only for a bug. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, upstream, health } = this.#deps;
    health.set(PART, 'starting', 'waiting for the first snapshot');
    this.#verifyAt = clock.monotonic() + VERIFY_INTERVAL_MS;
    const stopListening = upstream.onSnapshot((next, changed) => this.#take(next, changed));
    try {
      while (!signal.aborted) {
        const retryAt = await this.#turn(signal);
        // After a failure a new snapshot does not shorten the pause: it would fail like the last one.
        if (retryAt !== undefined) await sleep(clock, retryAt - clock.monotonic(), signal).catch(() => {});
        else if (!this.#hasNews) await this.#idle.sleep(this.#dueAt - clock.monotonic(), signal);
      }
    } finally {
      stopListening();
    }
  }

  #take(next: MeshSnapshot, changed: ChangedServices): void {
    this.#snapshot = next;
    if (changed === 'all') this.#changed = 'all';
    else if (this.#changed !== 'all') for (const key of changed) this.#changed.add(key);
    if (this.#hasNews) this.#idle.wake();
  }

  /** One look at everything; the time of the next attempt when it failed. */
  async #turn(signal: AbortSignal): Promise<number | undefined> {
    const { clock, log } = this.#deps;
    const started = clock.monotonic();
    try {
      // The predecessor's ids are known before the first snapshot comes; nothing is taken away until then.
      if (this.reconciler.image === undefined) await this.reconciler.observe();
      this.#deps.onStage?.('rows');
      const snapshot = this.#snapshot;
      if (snapshot === undefined) return undefined;
      await this.#desire(snapshot);
      await this.#verifyIfDue(started);
      const outcome = await this.reconciler.pass(signal);
      if (signal.aborted) return undefined;
      if (outcome.complete) {
        this.#settled = snapshot.position;
        this.#deps.onStage?.('ready');
      }
      this.#acknowledge(Math.round((clock.monotonic() - started) * 1_000));
      this.#deps.onPass?.();
      this.#backoff.reset();
      if (outcome.failure === undefined) return undefined;
      const { map, reason, errno } = outcome.failure;
      log.warn('a map failed', { map, reason, errno });
      this.#unwell(`the ${map} map failed: ${reason}`);
      return this.reconciler.dueAt;
    } catch (error) {
      if (!(error instanceof OperationalError)) throw error;
      log.error('the maps cannot be programmed', { error });
      this.#unwell(reasonOf(error));
      return clock.monotonic() + this.#backoff.next();
    }
  }

  /** Takes the snapshot into the desired state. */
  async #desire(snapshot: MeshSnapshot): Promise<void> {
    const changed = this.#changed;
    this.#changed = new Set();
    const { pause } = this.#deps;
    const { services, cluster } = snapshot;
    const take = (key: ServiceKey) => this.desired.set(key, services.get(key), cluster);
    if (changed === 'all') {
      await visitAll(this.desired.keys(), pause, (key) => {
        if (!services.has(key)) take(key);
      });
      await visitAll(services.values(), pause, (service) => this.desired.set(service.key, service, cluster));
    } else await visitAll(changed, pause, take);
    await this.reconciler.mark(await this.desired.settle(pause));
  }

  async #verifyIfDue(now: number): Promise<void> {
    if (now < this.#verifyAt) return;
    this.#verifyAt = now + VERIFY_INTERVAL_MS;
    const drift = await this.reconciler.verify();
    if (drift > 0) this.#deps.log.warn('rows of the maps were changed by somebody else', { rows: drift });
  }

  #acknowledge(reconcileMicros: number): void {
    const position = this.#settled;
    if (position === undefined) return;
    const { health, maps, upstream } = this.#deps;
    const refused = this.refusals();
    const short = new Set(this.reconciler.refusals().map(({ service }) => service));
    const ack: AckReport = {
      position,
      services: this.desired.counts.programmed - short.size,
      backends: this.reconciler.image?.backendsInUse ?? this.#ack?.backends ?? 0,
      refused: refused.map(({ service, code, reason }) => ({ service, code, reason })),
      reconcileMicros,
      datapath: maps.kind,
    };
    const kernel = refused.filter(({ code }) => code === REFUSAL_CODES.kernel);
    if (kernel.length === 0) health.set(PART, 'ok');
    else
      health.set(
        PART,
        'degraded',
        `${counted(kernel.length, 'service is', 'services are')} not programmed: ${kernel[0]?.reason}`,
      );
    if (this.#ack !== undefined && sameButForTime(this.#ack, ack)) return;
    this.#ack = ack;
    upstream.acknowledge(ack);
  }

  /** A node that never held a whole snapshot is not ready; one that did goes on with what it has. */
  #unwell(reason: string): void {
    this.#deps.health.set(PART, this.#settled === undefined ? 'starting' : 'degraded', reason);
  }

  /** A snapshot that differs from what was worked off, if only in its position. */
  get #hasNews(): boolean {
    if (this.#snapshot === undefined) return false;
    const changed = this.#changed === 'all' || this.#changed.size > 0;
    return changed || !samePosition(this.#snapshot.position, this.#settled);
  }

  get #dueAt(): number {
    const dueAt = this.reconciler.dueAt ?? Number.POSITIVE_INFINITY;
    return this.#snapshot === undefined ? Number.POSITIVE_INFINITY : Math.min(dueAt, this.#verifyAt);
  }
}

const samePosition = (a: Position, b: Position | undefined): boolean =>
  a.storeId === b?.storeId && a.revision === b.revision;

function sameButForTime(a: AckReport, b: AckReport): boolean {
  if (!samePosition(a.position, b.position)) return false;
  const content = ({ reconcileMicros: _time, ...rest }: AckReport) => JSON.stringify(rest);
  return content(a) === content(b);
}

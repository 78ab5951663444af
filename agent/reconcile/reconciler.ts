// Brings the maps of a node to what is desired, and keeps them there. Works on what may have changed, in rounds that leave the
// event loop free in between; whatever is read in the maps or fails to land makes it look at everything again. The only
// writer of the maps. It does not know where the desired state comes from, and never starts by itself: whoever owns it calls
// `pass` when something changed or is due.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { DesiredChanges, DesiredState } from '../desired/desired-state.ts';
import type { Entrance, Refusal } from '../desired/frontend.ts';
import { BACKEND_IDS, IdSpace, numbersOf, SERVICE_IDS } from '../desired/ids.ts';
import type { Target } from '../desired/targets.ts';
import { PackedRows } from '../maps/packed.ts';
import { forEachMap, type MapName, type ServiceMaps } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { Agenda } from './agenda.ts';
import { countDrift } from './drift.ts';
import { BATCH_ROWS_MAX, type Execution, execute, type MapFailure } from './execute.ts';
import { type MapImage, READER_GRACE_MS } from './image.ts';
import { Leftovers } from './leftovers.ts';
import { Marked } from './marked.ts';
import { type IdSpaces, observe, restoreIds } from './observe.ts';
import type { Steps } from './owned-puts.ts';
import { Programmed } from './programmed.ts';
import { Refusals } from './refusals.ts';
import { planRound, type Round } from './round.ts';
import { sizesOf } from './sizes.ts';

export interface ReconcilerDeps {
  readonly maps: ServiceMaps;
  readonly desired: DesiredState;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly log: Log;
}

export interface PassOutcome {
  /** The maps hold what is desired, but for what is refused. */
  readonly complete: boolean;
  readonly written: number;
  readonly removed: number;
  readonly failure?: MapFailure;
}

export interface ReconcilerCounters {
  readonly written: number;
  readonly removed: number;
  readonly failures: number;
  readonly dumps: number;
  /** Rows that somebody else had changed, and that were put right. */
  readonly drift: number;
}

/** Rows of backends whose state changed, for a round beside those of its frontends (agenda.ts). */
const ROUND_TARGETS_MAX = 4_096;
/** A map that refuses more often than this in one pass is not just full: it is left alone for a while. */
const REFUSING_ROUNDS_MAX = 16;
/** After a map failed, everything is read and tried again. */
const RECOVERY = { delayMsMin: 100, delayMsMax: 30_000 };

export class Reconciler {
  readonly #deps: ReconcilerDeps;
  readonly #ids: IdSpaces;
  readonly #refusals: Refusals;
  readonly #recovery: Backoff;
  readonly #marked = new Marked();
  readonly #programmed = new Programmed();
  readonly #leftovers: Leftovers;
  #image: MapImage | undefined;
  #adoptions = 0;
  /** Made when first used. */
  #buffers: Readonly<Record<MapName, PackedRows>> | undefined;
  #recoverAt: number | undefined;
  /** Before the first `mark` nobody has said what is desired, and everything would be taken away. */
  #wasMarked = false;
  #counters = { written: 0, removed: 0, failures: 0, dumps: 0, drift: 0 };

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps;
    this.#ids = {
      services: new IdSpace(SERVICE_IDS, numbersOf(deps.desired.entrances)),
      backends: new IdSpace(BACKEND_IDS, numbersOf(deps.desired.table)),
    };
    this.#leftovers = new Leftovers(this.#ids);
    this.#refusals = new Refusals(deps.random);
    this.#recovery = new Backoff(deps.random, RECOVERY);
  }

  /** Absent before the first dump and after a failure. */
  get image(): MapImage | undefined {
    return this.#image;
  }

  /** Another text whenever a backend may have been withdrawn from a service since. */
  get departures(): string {
    return `${this.#adoptions}.${this.#image?.departures ?? ''}`;
  }

  /** What is marked and not in the maps yet. */
  get waiting(): { readonly frontends: number; readonly backends: number } {
    return { frontends: this.#marked.frontends.size, backends: this.#marked.targets.size };
  }

  get counters(): ReconcilerCounters {
    return this.#counters;
  }

  get ids(): IdSpaces {
    return this.#ids;
  }

  /** Services that the maps have no room for at the moment, or that a map refused. */
  refusals(): readonly Refusal[] {
    return this.#refusals.list();
  }

  /** When `pass` has something to do again if nothing changes, on the monotonic clock. */
  get dueAt(): number | undefined {
    const times = [this.#marked.dueAt, this.#image?.orphanDueAt, this.#refusals.retryAt, this.#recoverAt];
    return times.reduce(
      (first, at) => (at !== undefined && (first === undefined || at < first) ? at : first),
      undefined,
    );
  }

  /** Dumps the maps and takes back the ids that stand in them. Rejects when they cannot be read. */
  async observe(): Promise<void> {
    this.#forgetImage();
    await this.#adopt(await this.#dump());
  }

  /** Dumps again and counts the rows that are not as they were left; the next pass puts them right. */
  async verify(): Promise<number> {
    const believed = this.#image;
    if (believed === undefined) return 0;
    this.#counters.dumps += 1;
    const { maps, desired, pause } = this.#deps;
    const drift = await countDrift(maps, believed, desired.entrances, pause);
    this.#counters.drift += drift;
    if (drift > 0) await this.#adopt(await this.#dump());
    return drift;
  }

  #dump(): Promise<MapImage> {
    this.#counters.dumps += 1;
    const { maps, pause, desired } = this.#deps;
    return observe(maps, this.#now, pause, { targets: desired.table, entrances: desired.entrances });
  }

  /** Takes an image for what is there: everything in it, and everything desired, is to be looked at. */
  async #adopt(image: MapImage): Promise<void> {
    const { desired, pause } = this.#deps;
    await restoreIds(image, this.#ids, this.#now(), pause);
    this.#forgetImage();
    this.#image = image;
    this.#adoptions += 1;
    this.#marked.forgetLater();
    this.#programmed.displaceAll();
    await this.#leftovers.find(image, pause);
    await visitAll(image.frontends(), pause, ({ frontend }) => this.#marked.frontends.add(frontend));
    await visitAll(desired.frontends(), pause, ({ entrance }) => this.#marked.frontends.add(entrance));
    await visitAll(desired.targets(), pause, this.#noteTarget);
  }

  /** Names what to look at in the next pass. A service that changed is tried again if it was refused. */
  async mark({ frontends, targets }: DesiredChanges): Promise<void> {
    const { pause } = this.#deps;
    this.#wasMarked = true;
    await visitAll(frontends, pause, (entrance) => {
      this.#marked.frontends.add(entrance);
      if (!this.#refusals.hasRefused) return;
      const service = entrance.placed?.key;
      if (service !== undefined) this.#refusals.forgive(service);
    });
    await visitAll(targets, pause, this.#noteTarget);
  }

  /** Most have a row that says what it should, or none that could say anything. */
  readonly #noteTarget = (target: Target): void => {
    const state = this.#deps.desired.targetState(target);
    if (state !== undefined && this.#image?.holdsBackend(target.id, target, state) !== true)
      this.#marked.targets.add(target);
  };

  /**
   * Works off what is marked and what is due. Only to be called once the desired state is whole: what it lacks is taken
   * away. Ends early when the signal aborts; the next pass, or the next process, goes on from there.
   */
  async pass(signal: AbortSignal): Promise<PassOutcome> {
    if (!this.#wasMarked) throw new Error('nothing is desired yet');
    const total = { written: 0, removed: 0 };
    this.#recoverAt = undefined;
    if (this.#image === undefined) await this.observe();
    for (const service of this.#refusals.takeDue(this.#now())) this.#markService(service);
    this.#marked.wake(this.#now());
    let refusals = 0;
    while (!signal.aborted) {
      const busy = !this.#marked.isEmpty;
      const execution = busy ? await this.#round() : await this.#collect();
      total.written += execution.written;
      total.removed += execution.removed;
      refusals += Number(execution.refused.size > 0);
      if (execution.failure !== undefined) return this.#failed(execution.failure, total);
      if (refusals > REFUSING_ROUNDS_MAX) return this.#failed([...execution.refused.values()][0], total);
      // Rows went: who waits for room looks again.
      if (execution.removed > 0) for (const service of this.#refusals.waiting()) this.#markService(service);
      if (!busy && this.#marked.frontends.size === 0) break;
      await this.#deps.pause();
    }
    this.#recovery.reset();
    this.#scheduleRetry();
    return { complete: !signal.aborted, ...total };
  }

  async #round(): Promise<Execution> {
    const image = this.#knownImage();
    const agenda = Agenda.take({ marked: this.#marked, refusals: this.#refusals, programmed: this.#programmed }, image);
    const targets = this.#marked.takeTargets(ROUND_TARGETS_MAX);
    const { desired } = this.#deps;
    const round = planRound({
      put: agenda.put,
      remove: agenda.remove,
      inPlace: (entrance) => this.#programmed.inPlace(entrance),
      targets,
      targetState: (target) => desired.targetState(target),
      image,
      ids: this.#ids,
      sizes: this.#refusals.sizes(sizesOf(this.#deps.maps)),
      removalsPending: image.orphanDueAt !== undefined || this.#marked.hasLater,
      now: this.#now(),
    });
    const execution = await this.#execute(round, image);
    if (execution.failure !== undefined || execution.refused.size > 0) {
      await this.#refuse(execution, image);
      return execution;
    }
    this.#settle(round, agenda, image);
    return execution;
  }

  #settle(round: Round, { put, remove, gone }: Agenda, image: MapImage): void {
    const now = this.#now();
    for (const { service, frontends } of put) {
      const refusal = round.waiting.size === 0 ? undefined : round.waiting.get(service);
      this.#refusals.settle(service, refusal);
      for (const frontend of frontends) {
        if (refusal !== undefined) this.#programmed.find(frontend.entrance, image);
        else if (frontend.entrance.desired === frontend) this.#programmed.place(frontend);
        else this.#programmed.placeOutdated(frontend);
      }
    }
    for (const entrance of remove) this.#programmed.forget(entrance);
    for (const entrance of [...remove, ...gone]) this.#releaseServiceId(entrance, image, now);
    this.#marked.postpone(round.later, now + READER_GRACE_MS);
  }

  #releaseServiceId(entrance: Entrance, image: MapImage, now: number): void {
    const id = this.#ids.services.idOf(entrance);
    if (id === undefined || image.frontend(entrance) !== undefined || image.reverse(id) !== undefined) return;
    this.#ids.services.release(id, now);
  }

  /** Nothing is marked: what nothing leads to any more goes. */
  async #collect(): Promise<Execution> {
    const image = this.#knownImage();
    const leaving = this.#leftovers.take(image, this.#now());
    const execution = await this.#execute({ puts: [], removals: leaving.removals }, image);
    this.#leftovers.release(leaving, image, this.#now());
    return execution;
  }

  async #execute(steps: Steps, image: MapImage): Promise<Execution> {
    const { maps, pause } = this.#deps;
    this.#buffers ??= forEachMap((map) => new PackedRows(maps.info(map), BATCH_ROWS_MAX));
    try {
      const execution = await execute(steps, { maps, image, buffers: this.#buffers, now: this.#now, pause });
      this.#counters.written += execution.written;
      this.#counters.removed += execution.removed;
      return execution;
    } catch (error) {
      // Rows may have landed that the image does not know of.
      this.#forgetImage();
      throw error;
    }
  }

  /** Services whose rows did not land go back to what they were; what is in the maps is read again before anything else. */
  async #refuse({ refused, failure }: Execution, image: MapImage): Promise<void> {
    for (const [service, refusal] of refused) {
      const { map, reason } = refusal;
      this.#counters.failures += 1;
      this.#refusals.refuse(service, refusal, image.rows(map));
      this.#deps.log.warn('service refused by the kernel', { service, map, reason });
    }
    this.#forgetImage();
    if (failure === undefined) await this.observe();
  }

  #failed(failure: MapFailure | undefined, total: { readonly written: number; readonly removed: number }): PassOutcome {
    this.#forgetImage();
    this.#marked.forgetLater();
    this.#counters.failures += 1;
    this.#recoverAt = this.#now() + this.#recovery.next();
    this.#scheduleRetry();
    return { complete: false, ...total, ...(failure === undefined ? {} : { failure }) };
  }

  #scheduleRetry(): void {
    this.#refusals.schedule(this.#now(), (service) => this.#deps.desired.frontendsOf(service).length > 0);
  }

  #markService(service: ServiceKey): void {
    for (const { entrance } of this.#deps.desired.frontendsOf(service)) this.#marked.frontends.add(entrance);
  }

  #forgetImage(): void {
    this.#image?.release();
    this.#image = undefined;
  }

  #knownImage(): MapImage {
    if (this.#image === undefined) throw new Error('the maps were not read');
    return this.#image;
  }

  readonly #now = (): number => this.#deps.clock.monotonic();
}

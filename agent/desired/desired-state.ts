// All that a node's maps should hold, kept up to date service by service: what changed costs work in the size of the changed
// services, and the result is the same as from scratch. Takes services, answers which frontends and targets to look at again.

import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import { type Pause, visitAll } from '../pause.ts';
import { type Admission, admit, type Candidate } from './admit.ts';
import { FrontendClaims } from './claims.ts';
import { Demand, type MapCounts } from './demand.ts';
import { type Counted, differing, wantedDifference } from './differing.ts';
import { EntranceTable } from './entrances.ts';
import type { DesiredFrontend, DesiredService, Entrance, Refusal } from './frontend.ts';
import { type Frontend, type FrontendName, parseFrontendName } from './names.ts';
import { desireService } from './service.ts';
import { type Target, TargetTable } from './targets.ts';

/** What may differ from the last time; what is named here may also be unchanged, or named twice. */
export interface DesiredChanges {
  readonly frontends: readonly Entrance[];
  /** Targets whose state changed, also to none; those that came have their rows with their frontends. */
  readonly targets: readonly Target[];
}

/** What is known of a service; kept as long as it is there, or as something of it is programmed. */
interface Entry {
  readonly key: ServiceKey;
  service: DesiredService | undefined;
  /** Its frontends that are to be programmed. */
  admitted: readonly DesiredFrontend[];
  /** To be looked at again. */
  isUnsettled: boolean;
}

interface Arrival {
  readonly entry: Entry;
  readonly frontends: readonly DesiredFrontend[];
  /** What of them is not counted yet. */
  readonly more: readonly Counted[];
}

const NO_FRONTENDS: readonly DesiredFrontend[] = [];

export class DesiredState {
  /** Every target of every service, also of those that do not fit. */
  readonly table = new TargetTable();
  /** The same of their frontends. */
  readonly entrances = new EntranceTable();
  readonly #sizes: MapCounts;
  readonly #services = new Map<ServiceKey, Entry>();
  /** Of the services, what cannot be programmed on any node. */
  readonly #unsupported = new Map<ServiceKey, readonly Refusal[]>();
  readonly #claims = new FrontendClaims(this.entrances);
  /** Changed services, and those that won or lost a frontend by it. */
  readonly #unsettled: Entry[] = [];
  /** Services with something to program. */
  #programmed = 0;
  /** Targets that services do not want any more, to be let go of when they do not count any more. */
  readonly #unwanted: (readonly Target[])[] = [];
  #demand = new Demand();
  #leftOut: Admission['refused'] = new Map();

  constructor(sizes: MapCounts) {
    this.#sizes = sizes;
  }

  /** Puts a service in, or takes it out; `settle` makes it count. */
  set(key: ServiceKey, service: MeshService | undefined, cluster: ClusterName): void {
    const known = this.#services.get(key);
    const before = known?.service;
    if (before?.source === service) return;
    const after =
      service === undefined
        ? undefined
        : desireService(service, cluster, { targets: this.table, entrances: this.entrances }, before);
    const { less, more } = wantedDifference(before, after);
    for (const target of more) this.table.hold(target);
    if (less.length > 0) this.#unwanted.push(less);
    const entry = known ?? this.#newEntry(key);
    entry.service = after;
    if (after !== undefined && after.refused.length > 0) this.#unsupported.set(key, after.refused);
    else if (this.#unsupported.size > 0) this.#unsupported.delete(key);
    this.#unsettle(entry);
    const affected = this.#claims.replace(key, before?.frontends ?? NO_FRONTENDS, after?.frontends ?? NO_FRONTENDS);
    for (const other of affected) {
      const own = this.#services.get(other);
      if (own !== undefined) this.#unsettle(own);
    }
  }

  async settle(pause: Pause): Promise<DesiredChanges> {
    const changed: Entrance[] = [];
    const arriving: Arrival[] = [];
    const withdrawn: (readonly DesiredFrontend[])[] = [];
    let fits = this.#leftOut.size === 0;
    const comesIn = (entry: Entry, frontends: readonly DesiredFrontend[], more: readonly Counted[]): boolean => {
      if (!fits || this.#demand.overflow(more, this.#sizes) !== undefined) return false;
      this.#demand.add(more);
      this.#place(entry, frontends, changed);
      return true;
    };
    await visitAll(this.#unsettled.splice(0), pause, (entry) => {
      const before = entry.admitted;
      const frontends = this.#ownFrontends(entry);
      entry.isUnsettled = false;
      if (before.length === 0) {
        // What fits beside everything that goes surely fits when that is gone.
        if (frontends.length > 0 && !comesIn(entry, frontends, frontends)) {
          arriving.push({ entry, frontends, more: frontends });
        }
      } else {
        withdrawn.push(before);
        const { less, more } = differing(before, frontends);
        if (less.length > 0) this.#demand.remove(less);
        this.#withdraw(entry, changed);
        if (frontends.length > 0) arriving.push({ entry, frontends, more });
      }
      if (entry.service === undefined) this.#services.delete(entry.key);
    });
    await visitAll(arriving, pause, ({ entry, frontends, more }) => {
      fits = comesIn(entry, frontends, more);
    });
    const targets = await this.#demand.takeChanged(pause);
    if (!fits) {
      for (const { backends } of withdrawn.flat()) for (const target of backends) targets.push(target);
      await this.#admitAgain(changed, targets, pause);
    }
    await visitAll(this.#unwanted.splice(0), pause, (targets) => {
      for (const target of targets) this.table.drop(target);
    });
    return { frontends: changed, targets };
  }

  /** What is to be programmed at a place, if anything. */
  get(place: Frontend | FrontendName): DesiredFrontend | undefined {
    return this.#entranceAt(place)?.desired;
  }

  /** As its service wants it, whether that fits or not. */
  wanted(place: Frontend | FrontendName): DesiredFrontend | undefined {
    const entrance = this.#entranceAt(place);
    const winner = entrance === undefined ? undefined : this.#claims.winner(entrance);
    const service = winner === undefined ? undefined : this.#services.get(winner)?.service;
    return service?.frontends.find((frontend) => frontend.entrance === entrance);
  }

  serviceOf(place: Frontend | FrontendName): ServiceKey | undefined {
    return this.get(place)?.service;
  }

  /** The frontends of a service that are to be programmed. */
  frontendsOf(key: ServiceKey): readonly DesiredFrontend[] {
    return this.#services.get(key)?.admitted ?? NO_FRONTENDS;
  }

  targetState(target: Target): BackendState | undefined {
    return this.#demand.state(target);
  }

  *keys(): Iterable<ServiceKey> {
    for (const { key, service } of this.#services.values()) if (service !== undefined) yield key;
  }

  /** All that is to be programmed. */
  *frontends(): Iterable<DesiredFrontend> {
    for (const { admitted } of this.#services.values()) yield* admitted;
  }

  /** What programmed frontends lead to; a target that several share may come several times. */
  *targets(): Iterable<Target> {
    for (const { backends } of this.frontends()) yield* backends;
  }

  get counts(): MapCounts & { readonly programmed: number } {
    return { ...this.#demand.counts, programmed: this.#programmed };
  }

  /** Everything that is not programmed, in the order of the services' names. */
  refusals(): readonly Refusal[] {
    const refused = [...this.#leftOut.values(), ...this.#claims.refusals(), ...[...this.#unsupported.values()].flat()];
    return refused.sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0));
  }

  /** Not everything fits, or it did not before: who comes in is decided again from all services. */
  async #admitAgain(changed: Entrance[], targets: Target[], pause: Pause): Promise<void> {
    const candidates = [...this.#services.values()].flatMap((entry) => this.#candidate(entry) ?? []);
    const { demand, refused } = await admit(candidates, this.#sizes, pause);
    await demand.takeChanged(pause);
    const nameChanged = (target: Target) => {
      if (demand.state(target) !== this.#demand.state(target)) targets.push(target);
    };
    await visitAll(this.targets(), pause, nameChanged);
    for (const { key, frontends } of candidates) {
      const entry = this.#services.get(key);
      if (entry === undefined) continue;
      if (refused.has(key)) this.#withdraw(entry, changed);
      else if (entry.admitted.length === 0) this.#place(entry, frontends, changed);
    }
    await visitAll(this.targets(), pause, nameChanged);
    this.#demand = demand;
    this.#leftOut = refused;
  }

  #newEntry(key: ServiceKey): Entry {
    const entry: Entry = { key, service: undefined, admitted: NO_FRONTENDS, isUnsettled: false };
    this.#services.set(key, entry);
    return entry;
  }

  #unsettle(entry: Entry): void {
    if (entry.isUnsettled) return;
    entry.isUnsettled = true;
    this.#unsettled.push(entry);
  }

  #entranceAt(place: Frontend | FrontendName): Entrance | undefined {
    const parsed = typeof place === 'string' ? parseFrontendName(place) : place;
    return parsed === undefined ? undefined : this.entrances.find(parsed);
  }

  #candidate(entry: Entry): Candidate | undefined {
    const { key, service } = entry;
    const frontends = this.#ownFrontends(entry);
    if (service === undefined || frontends.length === 0) return undefined;
    return { key, local: service.local, createdSeconds: service.source.createdSeconds, frontends };
  }

  /** Those that it does not lose to another service. */
  #ownFrontends({ key, service }: Entry): readonly DesiredFrontend[] {
    if (service === undefined) return NO_FRONTENDS;
    const isOwn = ({ entrance }: DesiredFrontend) => this.#claims.wins(key, entrance);
    return service.frontends.every(isOwn) ? service.frontends : service.frontends.filter(isOwn);
  }

  #place(entry: Entry, frontends: readonly DesiredFrontend[], changed: Entrance[]): void {
    if (entry.admitted.length === 0) this.#programmed += 1;
    entry.admitted = frontends;
    for (const { entrance } of frontends) {
      entrance.placed = entry;
      changed.push(entrance);
    }
  }

  #withdraw(entry: Entry, changed: Entrance[]): void {
    if (entry.admitted.length === 0) return;
    this.#programmed -= 1;
    for (const { entrance } of entry.admitted) {
      if (entrance.placed === entry) entrance.placed = undefined;
      changed.push(entrance);
    }
    entry.admitted = NO_FRONTENDS;
  }
}

// All that a node's maps should hold, kept up to date service by service: what changed costs work in the size of the changed
// services, and the result is the same as from scratch. Takes services, answers which frontends and targets to look at again.

import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import { type Pause, visitAll } from '../pause.ts';
import { type Admission, admit, type Candidate } from './admit.ts';
import { FrontendClaims } from './claims.ts';
import { Demand, type MapCounts } from './demand.ts';
import { type Counted, differing, wantedDifference } from './differing.ts';
import type { DesiredFrontend, DesiredService, Refusal } from './frontend.ts';
import type { FrontendName } from './names.ts';
import { desireService } from './service.ts';
import { type Target, TargetTable } from './targets.ts';

/** What may differ from the last time; what is named here may also be unchanged. */
export interface DesiredChanges {
  readonly frontends: ReadonlySet<FrontendName>;
  /** Targets whose state changed, also to none; those that came have their rows with their frontends. */
  readonly targets: readonly Target[];
}

export class DesiredState {
  /** Every target of every service, also of those that do not fit. */
  readonly table = new TargetTable();
  readonly #sizes: MapCounts;
  readonly #services = new Map<ServiceKey, DesiredService>();
  /** Of the services, what cannot be programmed on any node. */
  readonly #unsupported = new Map<ServiceKey, readonly Refusal[]>();
  readonly #claims = new FrontendClaims();
  /** Services to look at again: changed ones, and those that won or lost a frontend by it. */
  readonly #unsettled = new Set<ServiceKey>();
  readonly #admitted = new Map<ServiceKey, readonly DesiredFrontend[]>();
  readonly #frontends = new Map<FrontendName, DesiredFrontend>();
  /** Targets that services do not want any more, to be let go of when they do not count any more. */
  readonly #unwanted: (readonly Target[])[] = [];
  #demand = new Demand();
  #leftOut: Admission['refused'] = new Map();

  constructor(sizes: MapCounts) {
    this.#sizes = sizes;
  }

  /** Puts a service in, or takes it out; `settle` makes it count. */
  set(key: ServiceKey, service: MeshService | undefined, cluster: ClusterName): void {
    const before = this.#services.get(key);
    if (before?.source === service) return;
    const after = service === undefined ? undefined : desireService(service, cluster, this.table, before);
    const { less, more } = wantedDifference(before, after);
    for (const target of more) this.table.hold(target);
    if (less.length > 0) this.#unwanted.push(less);
    put(this.#services, key, after);
    put(this.#unsupported, key, after?.refused.length === 0 ? undefined : after?.refused);
    this.#unsettled.add(key);
    for (const other of this.#claims.replace(key, namesOf(before), namesOf(after))) this.#unsettled.add(other);
  }

  async settle(pause: Pause): Promise<DesiredChanges> {
    const frontends = new Set<FrontendName>();
    const arriving: { readonly own: Candidate; readonly more: readonly Counted[] }[] = [];
    const withdrawn: (readonly DesiredFrontend[])[] = [];
    await visitAll(this.#unsettled, pause, (key) => {
      const own = this.#candidate(key);
      const before = this.#admitted.get(key) ?? [];
      if (before.length > 0) withdrawn.push(before);
      const { less, more } = differing(before, own?.frontends ?? []);
      if (less.length > 0) this.#demand.remove(less);
      this.#withdraw(key, frontends);
      if (own !== undefined) arriving.push({ own, more });
    });
    let fits = this.#leftOut.size === 0;
    await visitAll(arriving, pause, ({ own, more }) => {
      if (fits) fits = this.#demand.overflow(more, this.#sizes) === undefined;
      if (!fits) return;
      this.#demand.add(more);
      this.#place(own, frontends);
    });
    const targets = await this.#demand.takeChanged(pause);
    if (!fits) {
      for (const { backends } of withdrawn.flat()) for (const target of backends) targets.push(target);
      await this.#admitAgain(frontends, targets, pause);
    }
    this.#unsettled.clear();
    await visitAll(this.#unwanted.splice(0), pause, (targets) => {
      for (const target of targets) this.table.drop(target);
    });
    return { frontends, targets };
  }

  get(name: FrontendName): DesiredFrontend | undefined {
    return this.#frontends.get(name);
  }

  /** As its service wants it, whether that fits or not. */
  wanted(name: FrontendName): DesiredFrontend | undefined {
    const winner = this.#claims.winner(name);
    const service = winner === undefined ? undefined : this.#services.get(winner);
    return service?.frontends.find((frontend) => frontend.name === name);
  }

  serviceOf(name: FrontendName): ServiceKey | undefined {
    return this.#frontends.get(name)?.service;
  }

  /** The frontends of a service that are to be programmed. */
  frontendsOf(key: ServiceKey): readonly DesiredFrontend[] {
    return this.#admitted.get(key) ?? [];
  }

  targetState(target: Target): BackendState | undefined {
    return this.#demand.state(target);
  }

  keys(): Iterable<ServiceKey> {
    return this.#services.keys();
  }

  frontendNames(): Iterable<FrontendName> {
    return this.#frontends.keys();
  }

  /** What programmed frontends lead to; a target that several share may come several times. */
  *targets(): Iterable<Target> {
    for (const { backends } of this.#frontends.values()) yield* backends;
  }

  get counts(): MapCounts & { readonly programmed: number } {
    return { ...this.#demand.counts, programmed: this.#admitted.size };
  }

  /** Everything that is not programmed, in the order of the services' names. */
  refusals(): readonly Refusal[] {
    const refused = [...this.#leftOut.values(), ...this.#claims.refusals(), ...[...this.#unsupported.values()].flat()];
    return refused.sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : 0));
  }

  /** Not everything fits, or it did not before: who comes in is decided again from all services. */
  async #admitAgain(frontends: Set<FrontendName>, targets: Target[], pause: Pause): Promise<void> {
    const candidates = [...this.#services.keys()].flatMap((key) => this.#candidate(key) ?? []);
    const { demand, refused } = await admit(candidates, this.#sizes, pause);
    await demand.takeChanged(pause);
    const nameChanged = (target: Target) => {
      if (demand.state(target) !== this.#demand.state(target)) targets.push(target);
    };
    await visitAll(this.targets(), pause, nameChanged);
    for (const candidate of candidates) {
      if (refused.has(candidate.key)) this.#withdraw(candidate.key, frontends);
      else if (!this.#admitted.has(candidate.key)) this.#place(candidate, frontends);
    }
    await visitAll(this.targets(), pause, nameChanged);
    this.#demand = demand;
    this.#leftOut = refused;
  }

  #candidate(key: ServiceKey): Candidate | undefined {
    const service = this.#services.get(key);
    if (service === undefined) return undefined;
    const isOwn = ({ name }: DesiredFrontend) => this.#claims.wins(key, name);
    const frontends = service.frontends.every(isOwn) ? service.frontends : service.frontends.filter(isOwn);
    if (frontends.length === 0) return undefined;
    return { key, local: service.local, createdSeconds: service.source.createdSeconds, frontends };
  }

  #place({ key, frontends }: Candidate, changed: Set<FrontendName>): void {
    this.#admitted.set(key, frontends);
    for (const frontend of frontends) {
      this.#frontends.set(frontend.name, frontend);
      changed.add(frontend.name);
    }
  }

  #withdraw(key: ServiceKey, changed: Set<FrontendName>): void {
    const frontends = this.#admitted.get(key);
    if (frontends === undefined) return;
    this.#admitted.delete(key);
    for (const { name } of frontends) {
      if (this.#frontends.get(name)?.service === key) this.#frontends.delete(name);
      changed.add(name);
    }
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

const namesOf = (service: DesiredService | undefined): readonly FrontendName[] =>
  service?.frontends.map(({ name }) => name) ?? [];

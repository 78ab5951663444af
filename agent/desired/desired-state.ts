// All that a node's maps should hold, kept up to date service by service: what changed costs work in the size of the changed
// services, and the result is the same as from scratch. Takes services, answers which frontends and targets to look at again.

import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import { type Admission, admit, type Candidate, type Pause } from './admit.ts';
import { FrontendClaims } from './claims.ts';
import { Demand, type MapCounts } from './demand.ts';
import { differing } from './differing.ts';
import type { DesiredFrontend, DesiredService, FrontendName, Refusal, TargetName } from './frontend.ts';
import { desireService } from './service.ts';

/** What may differ from the last time; what is named here may also be unchanged. */
export interface DesiredChanges {
  readonly frontends: ReadonlySet<FrontendName>;
  /** Targets whose state changed, or that came or went. */
  readonly targets: ReadonlySet<TargetName>;
}

interface Programmed {
  readonly service: ServiceKey;
  readonly frontend: DesiredFrontend;
}

export class DesiredState {
  readonly #sizes: MapCounts;
  readonly #sources = new Map<ServiceKey, MeshService>();
  readonly #services = new Map<ServiceKey, DesiredService>();
  /** Of the services, what cannot be programmed on any node. */
  readonly #unsupported = new Map<ServiceKey, readonly Refusal[]>();
  readonly #claims = new FrontendClaims();
  /** Services to look at again: changed ones, and those that won or lost a frontend by it. */
  readonly #unsettled = new Set<ServiceKey>();
  readonly #admitted = new Map<ServiceKey, readonly DesiredFrontend[]>();
  readonly #frontends = new Map<FrontendName, Programmed>();
  #demand = new Demand();
  #leftOut: Admission['refused'] = new Map();

  constructor(sizes: MapCounts) {
    this.#sizes = sizes;
  }

  /** Puts a service in, or takes it out; `settle` makes it count. */
  set(key: ServiceKey, service: MeshService | undefined, cluster: ClusterName): void {
    if (this.#sources.get(key) === service) return;
    const before = this.#services.get(key);
    const after = service === undefined ? undefined : desireService(service, cluster, before);
    put(this.#sources, key, service);
    put(this.#services, key, after);
    put(this.#unsupported, key, after?.refused.length === 0 ? undefined : after?.refused);
    this.#unsettled.add(key);
    for (const other of this.#claims.replace(key, namesOf(before), namesOf(after))) this.#unsettled.add(other);
  }

  async settle(pause: Pause): Promise<DesiredChanges> {
    const frontends = new Set<FrontendName>();
    const arriving: { readonly own: Candidate; readonly more: readonly DesiredFrontend[] }[] = [];
    for (const key of this.#unsettled) {
      const own = this.#candidate(key);
      const { less, more } = differing(this.#admitted.get(key) ?? [], own?.frontends ?? []);
      this.#demand.remove(less);
      this.#withdraw(key, frontends);
      if (own !== undefined) arriving.push({ own, more });
    }
    let fits = this.#leftOut.size === 0;
    for (const { own, more } of arriving) {
      if (fits) fits = this.#demand.overflow(more, this.#sizes) === undefined;
      if (!fits) break;
      this.#demand.add(more);
      this.#place(own, frontends);
      await pause();
    }
    const targets = this.#demand.takeChanged();
    if (!fits) await this.#admitAgain(frontends, targets, pause);
    this.#unsettled.clear();
    return { frontends, targets };
  }

  get(name: FrontendName): DesiredFrontend | undefined {
    return this.#frontends.get(name)?.frontend;
  }

  serviceOf(name: FrontendName): ServiceKey | undefined {
    return this.#frontends.get(name)?.service;
  }

  /** The frontends of a service that are to be programmed. */
  frontendsOf(key: ServiceKey): readonly DesiredFrontend[] {
    return this.#admitted.get(key) ?? [];
  }

  targetState(name: TargetName): BackendState | undefined {
    return this.#demand.state(name);
  }

  keys(): Iterable<ServiceKey> {
    return this.#services.keys();
  }

  frontendNames(): Iterable<FrontendName> {
    return this.#frontends.keys();
  }

  targetNames(): Iterable<TargetName> {
    return this.#demand.targets();
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
  async #admitAgain(frontends: Set<FrontendName>, targets: Set<TargetName>, pause: Pause): Promise<void> {
    const candidates = [...this.#services.keys()].flatMap((key) => this.#candidate(key) ?? []);
    const { demand, refused } = await admit(candidates, this.#sizes, pause);
    for (const name of this.#demand.targets()) if (demand.state(name) === undefined) targets.add(name);
    for (const name of demand.targets()) if (demand.state(name) !== this.#demand.state(name)) targets.add(name);
    demand.takeChanged();
    for (const candidate of candidates) {
      if (refused.has(candidate.key)) this.#withdraw(candidate.key, frontends);
      else if (!this.#admitted.has(candidate.key)) this.#place(candidate, frontends);
    }
    this.#demand = demand;
    this.#leftOut = refused;
  }

  #candidate(key: ServiceKey): Candidate | undefined {
    const service = this.#services.get(key);
    if (service === undefined) return undefined;
    const frontends = service.frontends.filter(({ name }) => this.#claims.winner(name) === key);
    return frontends.length === 0 ? undefined : { key, local: service.local, frontends };
  }

  #place({ key, frontends }: Candidate, changed: Set<FrontendName>): void {
    this.#admitted.set(key, frontends);
    for (const frontend of frontends) {
      this.#frontends.set(frontend.name, { service: key, frontend });
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

function* namesOf(service: DesiredService | undefined): Iterable<FrontendName> {
  for (const { name } of service?.frontends ?? []) yield name;
}

// Plans a handful of frontends together, service by service: gives ids, sees to it that everything a service needs has room,
// and gathers the rows by step. A service that has no room now is left as it is and waits; a service that could never get
// room, because its old backends are in its own way, first gives up those.

import type { Family } from '../../mesh/model/address.ts';
import { itemsOf } from '../../mesh/model/list.ts';
import type { ServiceKey } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { noRoom } from '../desired/admit.ts';
import type { MapCounts } from '../desired/demand.ts';
import {
  type DesiredFrontend,
  drainingOf,
  type Entrance,
  REFUSAL_CODES,
  type Refusal,
  selectedOf,
  stateOf,
} from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import { forEachMap, MAP_NAMES, type MapName, mapNameOf } from '../maps/port.ts';
import type { PutBackend, Removal } from './change.ts';
import type { MapImage } from './image.ts';
import type { IdSpaces } from './observe.ts';
import { type Owners, putsOf, type RolePuts } from './owned-puts.ts';
import { type FrontendPlan, planPut, planRemoval } from './plan.ts';
import { planStep, stepBetween } from './step.ts';

/** Rows by step, in the order of the steps: each step is on the maps before the next begins. */
export interface Steps {
  readonly puts: readonly RolePuts[];
  readonly removals: readonly (readonly Removal[])[];
}

export interface Round extends Steps {
  /** Frontends to look at again when readers have let go of what they hold. */
  readonly later: readonly Entrance[];
  readonly waiting: ReadonlyMap<ServiceKey, Refusal>;
}

/** What is to be made of a frontend: the desired, what is held while its service is refused, or nothing: take it away. */
export interface Intent {
  readonly service: ServiceKey;
  readonly frontends: readonly DesiredFrontend[];
}

export interface RoundInput {
  readonly put: readonly Intent[];
  readonly remove: readonly Entrance[];
  /** The last desired state of a frontend whose rows are in their place, and its backends' rows but for `targets`. */
  readonly inPlace: (entrance: Entrance) => DesiredFrontend | undefined;
  /** Targets whose rows may say the wrong state. */
  readonly targets: Iterable<Target>;
  readonly targetState: (target: Target) => BackendState | undefined;
  readonly image: MapImage;
  readonly ids: IdSpaces;
  readonly sizes: MapCounts;
  /** Rows that will be gone after a grace: worth waiting for. */
  readonly removalsPending: boolean;
  readonly now: number;
}

export function planRound(input: RoundInput): Round {
  const planner = new RoundPlanner(input);
  for (const intent of input.put) planner.putService(intent);
  for (const frontend of input.remove) planner.removeFrontend(frontend);
  planner.refreshTargets(input.targets);
  return planner.round();
}

const NO_IDS: readonly number[] = [];

type NumberBackends = (backends: readonly Target[]) => Result<readonly number[], string>;
type Planned = Result<FrontendPlan, string>;

/** One service's part of a round, before it is known to have room. */
interface Draft {
  readonly backends: readonly PutBackend[];
  readonly plans: readonly (readonly [Entrance, FrontendPlan])[];
  readonly needs: MapCounts;
}

class RoundPlanner {
  readonly #input: RoundInput;
  readonly #backends = putsOf('backends');
  /** Where the row of an id stands in those of its family. */
  readonly #backendAt = new Map<number, number>();
  readonly #newSlots = putsOf('services');
  readonly #reverse = putsOf('reverseNat');
  readonly #slots = putsOf('services');
  readonly #masters = putsOf('services');
  readonly #removedMasters: Removal[] = [];
  readonly #removedSlots: Removal[] = [];
  readonly #removedReverse: Removal[] = [];
  readonly #later: Entrance[] = [];
  readonly #waiting = new Map<ServiceKey, Refusal>();
  readonly #room: Record<MapName, number>;

  constructor(input: RoundInput) {
    this.#input = input;
    this.#room = forEachMap((map) => input.sizes[map] - input.image.rows(map));
  }

  putService({ service, frontends }: Intent): void {
    const draft = this.#draft(frontends);
    if (typeof draft === 'string') {
      this.#waiting.set(service, { service, code: REFUSAL_CODES.kernel, reason: draft });
      return;
    }
    const short = this.#shortOf(draft.needs);
    if (short === undefined) {
      this.#take(service, draft);
      return;
    }
    const { sizes, image } = this.#input;
    this.#waiting.set(service, noRoom(service, short, image.rows(short) + draft.needs[short], sizes[short]));
    const smaller = this.#yieldRoom(frontends);
    if (smaller !== undefined) this.#take(service, smaller);
    // What is left of a frontend that was taken away before is in its way as well.
    for (const { entrance } of frontends) {
      if (image.frontend(entrance)?.master === undefined) this.removeFrontend(entrance);
    }
  }

  removeFrontend(frontend: Entrance): void {
    const { image, ids, now } = this.#input;
    const plan = planRemoval(frontend, ids.services.idOf(frontend), image, now);
    this.#takePlan(frontend, plan, []);
  }

  refreshTargets(targets: Iterable<Target>): void {
    const { image, ids, targetState } = this.#input;
    for (const target of targets) {
      const id = ids.backends.idOf(target);
      const state = targetState(target);
      if (id === undefined || state === undefined || this.#backendAt.has(id)) continue;
      const row = image.backend(id);
      if (row === undefined || image.holdsBackend(id, row.target, state)) continue;
      this.#putBackend({ type: 'put-backend', id, target: row.target, state }, []);
    }
  }

  round(): Round {
    return {
      puts: [this.#backends, this.#newSlots, this.#reverse, this.#slots, this.#masters],
      removals: [this.#removedMasters, this.#removedSlots, this.#removedReverse],
      later: this.#later,
      waiting: this.#waiting,
    };
  }

  /**
   * What a service can do without room: keep of its new backends those that have rows already, and let go of the old ones.
   * Only for a service that is there; and where that would leave it without any backend, only when waiting cannot help.
   */
  #yieldRoom(frontends: readonly DesiredFrontend[]): Draft | undefined {
    const { image, removalsPending } = this.#input;
    const there = frontends.filter(({ entrance }) => image.frontend(entrance)?.master !== undefined);
    if (there.length === 0) return undefined;
    // A few new backends where there is room for a few, else none.
    const room = { 4: Math.max(0, this.#room.backends), 6: Math.max(0, this.#room.backends6) };
    for (const spare of [room, { 4: 0, 6: 0 }]) {
      const reduced = this.#reduce(there, spare);
      const emptied = reduced.some(({ count }, index) => count === 0 && (there[index]?.count ?? 0) > 0);
      if (emptied && removalsPending) continue;
      const draft = this.#draft(reduced);
      if (typeof draft !== 'string' && this.#shortOf(draft.needs) === undefined) return draft;
    }
    return undefined;
  }

  /** The frontends with those of their backends that have a row, and the first `spare` of each family of those that have none. */
  #reduce(frontends: readonly DesiredFrontend[], spare: Readonly<Record<Family, number>>): readonly DesiredFrontend[] {
    const fresh = { 4: new Set<Target>(), 6: new Set<Target>() };
    const kept = (target: Target) => {
      const { family } = target;
      if (this.#hasRow(target) || fresh[family].has(target)) return true;
      return fresh[family].size < spare[family] && fresh[family].add(target).has(target);
    };
    return frontends.map((frontend) => {
      const selected = itemsOf(selectedOf(frontend)).filter(kept);
      const draining = drainingOf(frontend).filter((target) => this.#hasRow(target));
      const active = frontend.active > 0 ? selected.length : 0;
      return { ...frontend, backends: [...selected, ...draining], active, count: selected.length };
    });
  }

  #hasRow(target: Target): boolean {
    const id = this.#input.ids.backends.idOf(target);
    return id !== undefined && (this.#input.image.hasBackend(id) || this.#backendAt.has(id));
  }

  #draft(frontends: readonly DesiredFrontend[]): Draft | string {
    const { image, ids, now } = this.#input;
    const needs = forEachMap(() => 0);
    const backends: PutBackend[] = [];
    const plans: (readonly [Entrance, FrontendPlan])[] = [];
    for (const frontend of frontends) {
      const { entrance } = frontend;
      const { family } = entrance;
      const serviceId = ids.services.claim(entrance, now);
      if (!serviceId.ok) return `no service id for ${entrance.name}: ${serviceId.error}`;
      const number = (some: readonly Target[]) => this.#number(frontend, some, needs, backends);
      const planned =
        this.#planStep(frontend, serviceId.value, number) ?? this.#plan(frontend, serviceId.value, number);
      if (!planned.ok) return planned.error;
      const plan = planned.value;
      const services = mapNameOf('services', family);
      needs[services] += plan.newSlots.length;
      if (image.frontend(entrance)?.master === undefined) needs[services] += 1;
      if (image.reverse(serviceId.value) === undefined) needs[mapNameOf('reverseNat', family)] += 1;
      plans.push([entrance, plan]);
    }
    return { backends, plans, needs };
  }

  /** From what changed of a frontend that is in its place; absent where that does not suffice. */
  #planStep(frontend: DesiredFrontend, serviceId: number, number: NumberBackends): Planned | undefined {
    const { image, ids, now, inPlace } = this.#input;
    const before = inPlace(frontend.entrance);
    const step = before === undefined ? undefined : stepBetween(before, frontend);
    if (step === undefined) return undefined;
    const numbered = number([...step.came, ...step.draining]);
    if (!numbered.ok) return numbered;
    const plan = planStep(step, serviceId, ids.backends, image, now);
    return plan === undefined ? undefined : ok(plan);
  }

  #plan(frontend: DesiredFrontend, serviceId: number, number: NumberBackends): Planned {
    const numbered = number(itemsOf(frontend.backends));
    if (!numbered.ok) return numbered;
    const { value: numbers } = numbered;
    const selected = frontend.count === numbers.length ? numbers : numbers.slice(0, frontend.count);
    const draining = frontend.count === numbers.length ? NO_IDS : numbers.slice(frontend.count);
    const { affinityTimeout } = frontend;
    return ok(
      planPut(
        { frontend: frontend.entrance, serviceId, affinityTimeout, selected, draining },
        this.#input.image,
        this.#input.now,
      ),
    );
  }

  /** The backends' ids; their rows are drafted where they are not as they should be. */
  #number(
    frontend: DesiredFrontend,
    some: readonly Target[],
    needs: Record<MapName, number>,
    backends: PutBackend[],
  ): Result<readonly number[], string> {
    // A target that several services share has one row; what is held of a refused service may be desired by nobody.
    const { image, ids, now, targetState } = this.#input;
    const map = mapNameOf('backends', frontend.entrance.family);
    // Within a frontend no target is there twice; another one of the service may have drafted its row.
    const drafted = backends.length === 0 ? undefined : new Set(backends.map(({ id }) => id));
    const numbers: number[] = [];
    for (const target of some) {
      const claimed = ids.backends.claim(target, now);
      if (!claimed.ok) return err(`no backend id for ${target.name}: ${claimed.error}`);
      const id = claimed.value;
      numbers.push(id);
      const state = targetState(target) ?? stateOf(frontend, target);
      if (image.holdsBackend(id, target, state) || drafted?.has(id) === true) continue;
      if (!image.hasBackend(id) && !this.#backendAt.has(id)) needs[map] += 1;
      backends.push({ type: 'put-backend', id, target, state });
    }
    return ok(numbers);
  }

  #shortOf(needs: MapCounts): MapName | undefined {
    return MAP_NAMES.find((map) => needs[map] > Math.max(0, this.#room[map]));
  }

  #take(service: ServiceKey, { backends, plans, needs }: Draft): void {
    for (const map of MAP_NAMES) this.#room[map] -= needs[map];
    const owners = [service];
    for (const put of backends) this.#putBackend(put, owners);
    for (const [frontend, plan] of plans) this.#takePlan(frontend, plan, owners);
  }

  /** Services that share a backend share its row, as the last one wants it. */
  #putBackend(put: PutBackend, owners: Owners): void {
    const rows = this.#backends[put.target.family];
    const at = this.#backendAt.get(put.id);
    if (at === undefined) {
      this.#backendAt.set(put.id, rows.length);
      rows.add(put, owners);
      return;
    }
    rows.puts[at] = put;
    rows.owners[at] = [...(rows.owners[at] ?? []), ...owners];
  }

  #takePlan(frontend: Entrance, plan: FrontendPlan, owners: Owners): void {
    const { family } = frontend;
    this.#newSlots[family].addAll(plan.newSlots, owners);
    this.#reverse[family].addAll(plan.reverse, owners);
    this.#slots[family].addAll(plan.slots, owners);
    this.#masters[family].addAll(plan.master, owners);
    for (const change of plan.removedMaster) this.#removedMasters.push(change);
    for (const change of plan.removedSlots) this.#removedSlots.push(change);
    for (const change of plan.removedReverse) this.#removedReverse.push(change);
    if (plan.waits) this.#later.push(frontend);
  }
}

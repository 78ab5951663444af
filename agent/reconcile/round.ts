// Plans a handful of frontends together, service by service (draft.ts): sees to it that everything a service needs has room, and
// gathers the rows by step. A service that has no room now is left as it is and waits; a service that could never get
// room, because its old backends are in its own way, first gives up those.

import type { Family } from '../../mesh/model/address.ts';
import { itemsOf } from '../../mesh/model/list.ts';
import type { ServiceKey } from '../../mesh/model/names.ts';
import { noRoom } from '../desired/admit.ts';
import type { MapCounts } from '../desired/demand.ts';
import {
  type DesiredFrontend,
  drainingOf,
  type Entrance,
  REFUSAL_CODES,
  type Refusal,
  selectedOf,
} from '../desired/frontend.ts';
import { Paged } from '../desired/paged.ts';
import type { Target } from '../desired/targets.ts';
import { MAP_NAMES } from '../maps/port.ts';
import type { Intent } from './agenda.ts';
import type { PutBackend, Removal } from './change.ts';
import { type Draft, type DraftInput, Drafts } from './draft.ts';
import { type Owners, putsOf, type Steps } from './owned-puts.ts';
import { type FrontendPlan, planRemoval } from './plan.ts';
import { RowCounts } from './row-counts.ts';

export interface Round extends Steps {
  /** Frontends to look at again when readers have let go of what they hold. */
  readonly later: readonly Entrance[];
  readonly waiting: ReadonlyMap<ServiceKey, Refusal>;
}

export interface RoundInput extends DraftInput {
  readonly put: readonly Intent[];
  readonly remove: readonly Entrance[];
  /** Targets whose rows may say the wrong state. */
  readonly targets: Iterable<Target>;
  readonly sizes: MapCounts;
  /** Rows that will be gone after a grace: worth waiting for. */
  readonly removalsPending: boolean;
}

export function planRound(input: RoundInput): Round {
  const planner = new RoundPlanner(input);
  for (const intent of input.put) planner.putService(intent);
  for (const frontend of input.remove) planner.removeFrontend(frontend);
  planner.refreshTargets(input.targets);
  return planner.round();
}

/** What a service gets where there is no room for all of it. */
interface Smaller {
  readonly frontends: readonly DesiredFrontend[];
  readonly draft: Draft;
}

class RoundPlanner {
  readonly #input: RoundInput;
  readonly #drafts: Drafts;
  readonly #backends = putsOf('backends');
  /** Where the row of an id stands in those of its family. */
  readonly #backendAt = new Paged<number>();
  readonly #newSlots = putsOf('services');
  readonly #reverse = putsOf('reverseNat');
  readonly #slots = putsOf('services');
  readonly #masters = putsOf('services');
  readonly #removedMasters: Removal[] = [];
  readonly #removedSlots: Removal[] = [];
  readonly #removedReverse: Removal[] = [];
  readonly #later: Entrance[] = [];
  readonly #waiting = new Map<ServiceKey, Refusal>();
  readonly #room = new RowCounts();

  constructor(input: RoundInput) {
    this.#input = input;
    this.#drafts = new Drafts(input, (id) => this.#backendAt.has(id));
    for (const map of MAP_NAMES) this.#room[map] = input.sizes[map] - input.image.rows(map);
  }

  putService({ service, frontends }: Intent): void {
    const draft = this.#drafts.of(frontends);
    if (typeof draft === 'string') {
      this.#waiting.set(service, { service, code: REFUSAL_CODES.kernel, reason: draft });
      return;
    }
    const short = draft.needs.shortOf(this.#room);
    if (short === undefined) {
      this.#take(service, frontends, draft);
      return;
    }
    const { sizes, image } = this.#input;
    this.#waiting.set(service, noRoom(service, short, image.rows(short) + draft.needs[short], sizes[short]));
    const smaller = this.#yieldRoom(frontends);
    if (smaller !== undefined) this.#take(service, smaller.frontends, smaller.draft);
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
  #yieldRoom(frontends: readonly DesiredFrontend[]): Smaller | undefined {
    const { image, removalsPending } = this.#input;
    const there = frontends.filter(({ entrance }) => image.frontend(entrance)?.master !== undefined);
    if (there.length === 0) return undefined;
    // A few new backends where there is room for a few, else none.
    const room = { 4: Math.max(0, this.#room.backends), 6: Math.max(0, this.#room.backends6) };
    for (const spare of [room, { 4: 0, 6: 0 }]) {
      const reduced = this.#reduce(there, spare);
      const emptied = reduced.some(({ count }, index) => count === 0 && (there[index]?.count ?? 0) > 0);
      if (emptied && removalsPending) continue;
      const draft = this.#drafts.of(reduced);
      if (typeof draft !== 'string' && draft.needs.shortOf(this.#room) === undefined)
        return { frontends: reduced, draft };
    }
    return undefined;
  }

  /** The frontends with those of their backends that have a row, and the first `spare` of each family of those that have none. */
  #reduce(frontends: readonly DesiredFrontend[], spare: Readonly<Record<Family, number>>): readonly DesiredFrontend[] {
    const fresh = { 4: new Set<Target>(), 6: new Set<Target>() };
    const kept = (target: Target) => {
      const { family } = target;
      if (this.#drafts.hasRow(target) || fresh[family].has(target)) return true;
      return fresh[family].size < spare[family] && fresh[family].add(target).has(target);
    };
    return frontends.map((frontend) => {
      const selected = itemsOf(selectedOf(frontend)).filter(kept);
      const draining = drainingOf(frontend).filter((target) => this.#drafts.hasRow(target));
      const active = frontend.active > 0 ? selected.length : 0;
      return { ...frontend, backends: [...selected, ...draining], active, count: selected.length };
    });
  }

  #take(service: ServiceKey, frontends: readonly DesiredFrontend[], { backends, plans, needs }: Draft): void {
    this.#room.takeAway(needs);
    const owners = [service];
    for (const put of backends) this.#putBackend(put, owners);
    for (const [at, plan] of plans.entries()) {
      const frontend = frontends[at];
      if (frontend !== undefined) this.#takePlan(frontend.entrance, plan, owners);
    }
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

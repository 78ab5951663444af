// One service's part of a round, before it is known to have room: its frontends and backends get their numbers, and their rows are
// planned. Numbers stay given where nothing comes of it: whoever comes back finds its own.

import { itemsOf } from '../../mesh/model/list.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { type DesiredFrontend, type Entrance, stateOf } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';
import type { PutBackend } from './change.ts';
import type { MapImage } from './image.ts';
import type { IdSpaces } from './observe.ts';
import { type FrontendPlan, planPut } from './plan.ts';
import { RowCounts } from './row-counts.ts';
import { planStep, stepBetween } from './step.ts';

export interface Draft {
  readonly backends: readonly PutBackend[];
  /** One for each frontend, in their order. */
  readonly plans: readonly FrontendPlan[];
  /** Rows that are new to a map. */
  readonly needs: RowCounts;
}

export interface DraftInput {
  /** The last desired state of a frontend whose rows are in their place, and its backends' rows but for `targets`. */
  readonly inPlace: (entrance: Entrance) => DesiredFrontend | undefined;
  readonly targetState: (target: Target) => BackendState | undefined;
  readonly image: MapImage;
  readonly ids: IdSpaces;
  readonly now: number;
}

/** While it is written. */
interface OpenDraft extends Draft {
  readonly backends: PutBackend[];
  readonly plans: FrontendPlan[];
}

const NO_IDS: readonly number[] = [];

export class Drafts {
  readonly #input: DraftInput;
  readonly #isDrafted: (backendId: number) => boolean;

  /** `isDrafted`: the round has a row for this backend already. */
  constructor(input: DraftInput, isDrafted: (backendId: number) => boolean) {
    this.#input = input;
    this.#isDrafted = isDrafted;
  }

  /** A text says why there are no numbers left. */
  of(frontends: readonly DesiredFrontend[]): Draft | string {
    const draft: OpenDraft = { backends: [], plans: [], needs: new RowCounts() };
    for (const frontend of frontends) {
      const problem = this.#add(frontend, draft);
      if (problem !== undefined) return problem;
    }
    return draft;
  }

  hasRow(target: Target): boolean {
    const { ids, image } = this.#input;
    const id = ids.backends.idOf(target);
    return id !== undefined && (image.hasBackend(id) || this.#isDrafted(id));
  }

  #add(frontend: DesiredFrontend, draft: OpenDraft): string | undefined {
    const { image, ids, now } = this.#input;
    const { entrance } = frontend;
    const serviceId = ids.services.claim(entrance, now);
    if (serviceId === undefined) return `no service id for ${entrance.name}: ${ids.services.shortage}`;
    const plan = this.#planStep(frontend, serviceId, draft) ?? this.#plan(frontend, serviceId, draft);
    if (typeof plan === 'string') return plan;
    draft.plans.push(plan);
    const isNew = image.frontend(entrance)?.master === undefined;
    draft.needs.addServices(entrance.family, plan.newSlots.length + Number(isNew));
    if (image.reverse(serviceId) === undefined) draft.needs.addReverseNat(entrance.family);
    return undefined;
  }

  /** From what changed of a frontend that is in its place; absent where that does not suffice. */
  #planStep(frontend: DesiredFrontend, serviceId: number, draft: OpenDraft): FrontendPlan | string | undefined {
    const { image, ids, now, inPlace } = this.#input;
    const before = inPlace(frontend.entrance);
    const step = before === undefined ? undefined : stepBetween(before, frontend);
    if (step === undefined) return undefined;
    const numbers = this.#number(frontend, [...step.came, ...step.draining], draft);
    return typeof numbers === 'string' ? numbers : planStep(step, serviceId, ids.backends, image, now);
  }

  #plan(frontend: DesiredFrontend, serviceId: number, draft: OpenDraft): FrontendPlan | string {
    const numbers = this.#number(frontend, itemsOf(frontend.backends), draft);
    if (typeof numbers === 'string') return numbers;
    const { entrance, count, affinityTimeout } = frontend;
    const selected = count === numbers.length ? numbers : numbers.slice(0, count);
    const draining = count === numbers.length ? NO_IDS : numbers.slice(count);
    const { image, now } = this.#input;
    return planPut({ frontend: entrance, serviceId, affinityTimeout, selected, draining }, image, now);
  }

  /** The backends' ids; their rows are drafted where they are not as they should be. */
  #number(frontend: DesiredFrontend, some: readonly Target[], draft: OpenDraft): readonly number[] | string {
    // A target that several services share has one row; what is held of a refused service may be desired by nobody.
    const { image, ids, now, targetState } = this.#input;
    const { backends, needs } = draft;
    // Within a frontend no target is there twice; another one of the service may have drafted its row.
    const drafted = backends.length === 0 ? undefined : new Set(backends.map(({ id }) => id));
    const numbers = new Array<number>(some.length);
    let at = 0;
    for (const target of some) {
      const id = ids.backends.claim(target, now);
      if (id === undefined) return `no backend id for ${target.name}: ${ids.backends.shortage}`;
      numbers[at] = id;
      at += 1;
      const state = targetState(target) ?? stateOf(frontend, target);
      if (image.holdsBackend(id, target, state) || drafted?.has(id) === true) continue;
      if (!image.hasBackend(id) && !this.#isDrafted(id)) needs.addBackend(frontend.entrance.family);
      backends.push({ type: 'put-backend', id, target, state });
    }
    return numbers;
  }
}

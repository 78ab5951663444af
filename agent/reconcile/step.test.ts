import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Backend, BackendState } from '../../mesh/model/service.ts';
import { EntranceTable } from '../desired/entrances.ts';
import type { DesiredFrontend } from '../desired/frontend.ts';
import { BACKEND_IDS, IdSpace, numbersOf } from '../desired/ids.ts';
import { backend, service } from '../desired/sample.ts';
import { desireService, type Tables } from '../desired/service.ts';
import { type Target, TargetTable } from '../desired/targets.ts';
import { MapImage, READER_GRACE_MS } from './image.ts';
import { type FrontendPlan, planPut } from './plan.ts';
import { type KnownIds, planStep, stepBetween } from './step.ts';

const SERVICE_ID = 1;

/** One frontend's rows as its plans leave them. */
class Rows {
  readonly tables = { targets: new TargetTable(), entrances: new EntranceTable() };
  readonly image = new MapImage(this.tables.entrances);
  readonly ids = new IdSpace<Target>(BACKEND_IDS, numbersOf(this.tables.targets));
  now = 0;

  number(frontend: DesiredFrontend): readonly number[] {
    return Array.from(frontend.backends, (target) => {
      const claimed = this.ids.claim(target, this.now);
      if (claimed === undefined) throw new Error(this.ids.shortage);
      return claimed;
    });
  }

  whole(frontend: DesiredFrontend): FrontendPlan {
    const numbers = this.number(frontend);
    const selected = numbers.slice(0, frontend.count);
    const draining = numbers.slice(frontend.count);
    const { affinityTimeout } = frontend;
    return planPut(
      { frontend: frontend.entrance, serviceId: SERVICE_ID, affinityTimeout, selected, draining },
      this.image,
      this.now,
    );
  }

  step(before: DesiredFrontend, after: DesiredFrontend, ids: KnownIds = this.ids): FrontendPlan | undefined {
    this.number(after);
    const step = stepBetween(before, after);
    return step === undefined ? undefined : planStep(step, SERVICE_ID, ids, this.image, this.now);
  }

  land({ newSlots, reverse, slots, master, removedSlots }: FrontendPlan): void {
    for (const change of [...newSlots, ...reverse, ...slots, ...master, ...removedSlots]) {
      this.image.apply(change, this.now);
    }
  }
}

function desired(tables: Tables, backends: readonly Backend[], clientIPTimeoutSeconds = 0): DesiredFrontend {
  const [frontend] = desireService(
    service({ backends: [...backends], clientIPTimeoutSeconds }),
    'west' as ClusterName,
    tables,
  ).frontends;
  if (frontend === undefined) throw new Error('no frontend');
  return frontend;
}

test('a step is what the whole plan is, whatever came before and whoever still reads', () => {
  // As in snapshots, what did not change is the same object.
  const made = new Map<string, Backend>();
  const shared = (last: number, state: BackendState): Backend => {
    const known = made.get(`${last} ${state}`) ?? backend(`10.1.0.${last}`, { state });
    made.set(`${last} ${state}`, known);
    return known;
  };
  const state = fc.constantFrom<BackendState>('active', 'active', 'active', 'terminating');
  const backends = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 14 }), state), { selector: ([last]) => last, maxLength: 14 })
    .map((chosen) => chosen.map(([last, state]) => shared(last, state)));
  const pause = fc.constantFrom(0, 0, 1, READER_GRACE_MS - 1, READER_GRACE_MS);
  const timeout = fc.constantFrom(0, 0, 60);
  const history = fc.array(fc.record({ backends, timeout, pause, again: fc.boolean() }), {
    minLength: 2,
    maxLength: 12,
  });
  let steps = 0;
  let whole = 0;
  fc.assert(
    fc.property(history, (history) => {
      const rows = new Rows();
      let before = desired(rows.tables, []);
      rows.land(rows.whole(before));
      for (const { backends, timeout, pause, again } of history) {
        rows.now += pause;
        const after = again ? before : desired(rows.tables, backends, timeout);
        const plan = rows.whole(after);
        const step = rows.step(before, after);
        if (step === undefined) whole += 1;
        else {
          steps += 1;
          expect(step).toEqual(plan);
        }
        rows.land(plan);
        before = after;
      }
    }),
    { numRuns: 500 },
  );
  expect(steps).toBeGreaterThan(4 * whole);
});

test('of 5,000 backends only the one that changed is asked for', () => {
  const all = Array.from({ length: 5_000 }, (_, at) => backend(`10.1.${at >> 8}.${at & 255}`));
  const gone = backend('10.1.3.4', { state: 'terminating' });
  const without = all.filter(({ address }) => address !== gone.address);
  const rows = new Rows();
  const history = [all, [...without, gone], without, [...without, backend('10.9.0.1')]].map((some) =>
    desired(rows.tables, some),
  );
  let before = history[0] as DesiredFrontend;
  rows.land(rows.whole(before));
  for (const after of history.slice(1)) {
    for (const pause of [0, READER_GRACE_MS]) {
      rows.now += pause;
      let asked = 0;
      const idOf = (target: Target) => {
        asked += 1;
        return rows.ids.idOf(target);
      };
      const plan = rows.step(before, after, { idOf, ownerOf: (id) => rows.ids.ownerOf(id) });
      expect(asked).toBeLessThanOrEqual(4);
      expect(plan).toEqual(rows.whole(after));
      if (plan !== undefined) rows.land(plan);
      before = after;
    }
  }
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotColumn } from './slot-column.ts';
import { Slots } from './slots.ts';

test('hold what a Map of records holds', () => {
  const slot = fc.integer({ min: 1, max: 12 });
  const record = fc.record({
    backendId: fc.integer({ min: 0, max: 4 }),
    serviceId: fc.constantFrom(7, 7, 7, 8),
    exact: fc.constantFrom(true, true, true, false),
  });
  const steps = fc.array(
    fc.record({ slot, record: fc.option(record, { nil: undefined }), beside: fc.integer({ min: -12, max: 12 }) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(steps, (steps) => {
      const column = new SlotColumn();
      const slots = new Slots(column);
      const neighbour = new Slots(column);
      const map = new Map<number, { backendId: number; serviceId: number; exact: boolean }>();
      for (const { slot, record, beside } of steps) {
        if (beside > 0) neighbour.set(beside, { backendId: 99, serviceId: 7 }, true);
        else if (beside < 0) neighbour.delete(-beside);
        if (record === undefined) {
          slots.delete(slot);
          map.delete(slot);
        } else {
          slots.set(slot, record, record.exact);
          map.set(slot, record);
        }
        expect(slots.has(slot)).toBe(map.has(slot));
        expect(slots.get(slot)).toEqual(map.get(slot));
        expect(slots.backendIdAt(slot)).toBe(map.get(slot)?.backendId);
      }
      const ordered = [...map].sort(([a], [b]) => a - b);
      expect([...slots]).toEqual(ordered);
      expect(slots.size).toBe(map.size);
      expect(slots.serviceIds()).toEqual(new Set(ordered.map(([, { serviceId }]) => serviceId)));
      expect(slots.last).toBe(ordered.at(-1)?.[0] ?? 0);
      for (const ids of [[1], [1, 2, 3, 4], [1, 2, 3, 4, 5, 6]]) {
        const first = (id: number) => ordered.find(([, { backendId }]) => backendId === id)?.[0];
        const found = ids.flatMap((id) => (first(id) === undefined ? [] : [[id, first(id)]]));
        expect(Object.fromEntries(slots.slotsOf(new Set(ids)))).toEqual(Object.fromEntries(found));
      }
      for (const id of [1, 2, 3, 4]) {
        for (const serviceId of [7, 8]) {
          for (let slot = 1; slot <= 13; slot += 1) {
            const there = map.get(slot);
            const same = there?.exact === true && there.backendId === id && there.serviceId === serviceId;
            expect(slots.holds(slot, id, serviceId)).toBe(same);
          }
        }
      }
    }),
  );
});

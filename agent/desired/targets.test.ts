import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterId, IpAddress } from '../../mesh/model/names.ts';
import { NO_INDEX, type Target, TargetTable } from './targets.ts';

const at = (table: TargetTable, address: string, port = 80, clusterId = 1) =>
  table.at(address as IpAddress, port, 'TCP', clusterId as ClusterId);

test('one object per address, port and cluster, as long as somebody holds it', () => {
  const address = fc.constantFrom('10.1.0.1', '10.1.0.2', '10.200.0.1', 'fd00::1');
  const step = fc.record({
    address,
    port: fc.constantFrom(80, 81),
    clusterId: fc.constantFrom(1, 2),
    hold: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new TargetTable();
      const held = new Map<string, { readonly target: Target; holders: number }>();
      for (const { address, port, clusterId, hold } of steps) {
        const target = at(table, address, port, clusterId);
        const known = held.get(target.name);
        expect(target).toBe(known?.target ?? target);
        if (hold) {
          table.hold(target);
          held.set(target.name, { target, holders: (known?.holders ?? 0) + 1 });
        } else if (known !== undefined) {
          table.drop(target);
          known.holders -= 1;
          if (known.holders === 0) held.delete(target.name);
          expect(target.index === NO_INDEX).toBe(known.holders === 0);
        }
        const indexes = [...held.values()].map(({ target: { index } }) => index);
        expect(new Set(indexes).size).toBe(indexes.length);
      }
    }),
  );
});

test('a target that was forgotten is found again when somebody holds it again', () => {
  const table = new TargetTable();
  const target = at(table, '10.1.0.1');
  table.hold(target);
  table.drop(target);
  table.hold(target);
  expect(at(table, '10.1.0.1')).toBe(target);
  expect(target.index).not.toBe(NO_INDEX);
});

test('an onlooker leaves no trace', () => {
  const table = new TargetTable();
  const seen = table.onlooker.at('10.1.0.1' as IpAddress, 80, 'TCP', 1 as ClusterId);
  expect(seen.index).toBe(NO_INDEX);
  expect(at(table, '10.1.0.1')).not.toBe(seen);
});

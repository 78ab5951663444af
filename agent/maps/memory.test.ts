import { expect, test } from 'vitest';
import { describeServiceMaps } from './contract.ts';
import { MemoryMaps } from './memory.ts';

describeServiceMaps('memory', async () => {
  const maps = new MemoryMaps({ sizes: { services: 6_000, backends: 6_000, services6: 6_000, backends6: 6_000 } });
  return { maps, reopen: async () => maps.reopen(), cleanup: () => {} };
});

const key = (last: number) => Uint8Array.of(0, 0, 0, last);
const rows = [1, 2, 3].map((last) => ({ key: key(last), value: new Uint8Array(12) }));

test('a fault stops a batch at its row', async () => {
  const maps = new MemoryMaps();
  const failure = { code: 'MAP_FAILED', reason: 'made to fail', errno: 5 } as const;
  maps.fault = (_, __, at) => (at?.[3] === 2 ? failure : undefined);
  expect(await maps.update('backends', rows)).toEqual({ applied: 1, failure });
  maps.fault = undefined;
  expect((await maps.dump('backends')).map((row) => row.key)).toEqual([key(1)]);
});

test('a failing dump rejects', async () => {
  const maps = new MemoryMaps();
  maps.fault = () => ({ code: 'MAP_FAILED', reason: 'made to fail', errno: 5 });
  await expect(maps.dump('backends')).rejects.toThrow('[MAP_FAILED] dump map backends: made to fail');
});

test('the observer sees every row that lands', async () => {
  const maps = new MemoryMaps();
  const seen: string[] = [];
  maps.observer = (map, at, value) => seen.push(`${value === undefined ? '-' : '+'}${map} ${at[3]}`);
  await maps.update('backends', rows);
  await maps.remove('backends', [key(2), key(9)]);
  expect(seen).toEqual(['+backends 1', '+backends 2', '+backends 3', '-backends 2']);
});

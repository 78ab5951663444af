import { expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import type { SnapshotFeed } from '../view/port.ts';
import { AgentRegistry } from './agent-registry.ts';

const nothing: SnapshotFeed = {
  current: undefined,
  reached: undefined,
  at: () => undefined,
  outdatedSince: () => undefined,
  subscribe: () => () => {},
};
const hello = (node: string) => ({ node, software: 'test', protocol: 1, resume: undefined, startOver: false });
const HOUR_MS = 3_600_000;

test('a node that is gone is remembered for a while, and then forgotten', () => {
  const clock = new ManualClock();
  const registry = new AgentRegistry({ feed: nothing, clock });
  const session = registry.open(hello('node-1'), () => {});
  registry.open(hello('node-2'), () => {});
  clock.advance(2 * HOUR_MS);
  session.close();
  clock.advance(HOUR_MS - 1);
  expect(registry.list().map(({ node, connected }) => [node, connected])).toEqual([
    ['node-1', false],
    ['node-2', true],
  ]);
  clock.advance(1);
  expect(registry.list().map(({ node }) => node)).toEqual(['node-2']);
});

test('what a node shows and accepts is what it said last', () => {
  const registry = new AgentRegistry({ feed: nothing, clock: new ManualClock() });
  const [old, next] = [
    { certificate: 'A1', authorities: ['C1'] },
    { certificate: 'A1', authorities: ['C1', 'C2'] },
  ];
  const session = registry.open({ ...hello('node-1'), trust: old }, () => {});
  const position = { storeId: '00000000000000aa', revision: 1 as Revision };
  const counts = { services: 0, backends: 0, refusedTotal: 0, reconcileMicros: 1 };
  const ack = { position, ...counts, refused: [], datapath: 'ebpf' } as const;
  const known = () => registry.list().map(({ trust }) => trust);
  session.acknowledged({ ...ack, trust: undefined });
  expect(known()).toEqual([old]);
  session.acknowledged({ ...ack, trust: next });
  expect(known()).toEqual([next]);
  registry.open(hello('node-1'), () => {});
  expect(known()).toEqual([undefined]);
});

test('the number of nodes remembered is bounded, and connected ones are never forgotten', () => {
  const clock = new ManualClock();
  const registry = new AgentRegistry({ feed: nothing, clock });
  registry.open(hello('node-0'), () => {});
  for (let index = 1; index <= 10_100; index += 1) {
    clock.advance(1);
    registry.open(hello(`node-${index}`), () => {}).close();
  }
  const nodes = registry.list().map(({ node }) => node);
  expect(nodes.length).toBeLessThanOrEqual(10_000);
  expect(nodes).toContain('node-0');
  expect(nodes).toContain('node-10100');
  expect(nodes).not.toContain('node-1');
});

test('what a replaced session says late does not count', () => {
  const registry = new AgentRegistry({ feed: nothing, clock: new ManualClock() });
  let replaced = 0;
  const first = registry.open(hello('node-1'), () => {
    replaced += 1;
  });
  registry.open(hello('node-1'), () => {});
  expect(replaced).toBe(1);
  first.close();
  expect(registry.list()).toMatchObject([{ node: 'node-1', connected: true }]);
  expect(registry.connected).toBe(1);
});

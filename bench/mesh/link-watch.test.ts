import { expect, test } from 'vitest';
import type { AgentStatusDocument } from '../../agent/status/document.ts';
import type { StatusDocument } from '../../apiserver/status.ts';
import { LinkWatch } from './link-watch.ts';

interface Seen {
  readonly disconnects: number;
  readonly freshness: string;
  readonly connected: boolean;
}

async function alarmsOf(...looks: readonly Seen[]): Promise<readonly string[]> {
  let at = 0;
  const seen = () => looks[at] ?? { disconnects: 0, freshness: 'fresh', connected: true };
  const watch = new LinkWatch({
    status: async () => ({ peers: [{ name: 'east', ...seen() }] }) as unknown as StatusDocument,
    agent: async () =>
      ({ node: 'node-1', upstream: { connected: seen().connected } }) as unknown as AgentStatusDocument,
  });
  for (; at < looks.length; at += 1) await watch.look();
  return watch.alarms.map(({ who, what }) => `${who}: ${what}`);
}

const well: Seen = { disconnects: 3, freshness: 'fresh', connected: true };

test('whatever was before the first look is nothing new', async () => {
  expect(await alarmsOf(well, well)).toEqual([]);
});

test('every link that ended is counted, also if it is back', async () => {
  expect(await alarmsOf(well, { ...well, disconnects: 5 }, { ...well, disconnects: 5 })).toEqual([
    'east: its link ended',
    'east: its link ended',
  ]);
});

test('what lasts is told once, and again when it comes again', async () => {
  const stale: Seen = { ...well, freshness: 'ageing' };
  const lost: Seen = { ...well, connected: false };
  expect(await alarmsOf(well, stale, stale, well, stale)).toEqual(['east: ageing', 'east: ageing']);
  expect(await alarmsOf(well, lost, lost)).toEqual(['node-1: it has lost its API server']);
});

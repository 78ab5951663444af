import { expect, test, vi } from 'vitest';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import { ServiceMap } from '../../mesh/snapshot/service-map.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { MeshReader } from '../../mesh/wire/mesh-reader.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { SnapshotHistory } from '../view/history.ts';
import type { SnapshotFeed } from '../view/port.ts';
import { AgentStream } from './agent-stream.ts';
import { Encodings } from './encodings.ts';

const position = (revision: number): Position => ({ storeId: '00000000000000aa', revision: revision as Revision });

const ANYTHING = { resume: undefined, startOver: false };

function feedAt(revision: number, reached = revision): SnapshotFeed {
  const current: MeshSnapshot = {
    position: position(revision),
    cluster: 'west' as ClusterName,
    clusters: new Map(),
    services: ServiceMap.empty,
  };
  const history = new SnapshotHistory();
  history.push(current, undefined, 0);
  history.extend(reached as Revision);
  return {
    current,
    reached: history.reached,
    at: (where) => history.at(where),
    outdatedSince: (where) => history.outdatedSince(where),
    subscribe: () => () => {},
  };
}

function streamTo(feed: SnapshotFeed, resume: Position | undefined, startOver = false) {
  const clock = new ManualClock();
  const reader = new MeshReader();
  const sent: string[] = [];
  const positions: Position[] = [];
  const send = async (bytes: Uint8Array) => {
    const event = reader.read(bytes);
    sent.push(event.ok ? event.value.type : event.error);
    if (event.ok && event.value.type === 'snapshot') positions.push(event.value.snapshot.position);
    return true;
  };
  const stream = new AgentStream({ feed, encodings: new Encodings(feed), clock, send }, { resume, startOver });
  return { stream, clock, sent, positions, ended: stream.run() };
}

test('sends a whole snapshot to whoever holds nothing, or something unknown', async () => {
  for (const resume of [undefined, position(3), { ...position(9), storeId: '00000000000000bb' }]) {
    const { stream, sent, ended } = streamTo(feedAt(5), resume);
    await vi.waitFor(() => expect(sent.slice(-2)).toEqual(['snapshot', 'heartbeat']));
    stream.close();
    expect(await ended).toBe('closed');
  }
});

test('sends nothing but beats to whoever holds the newest', async () => {
  const { stream, sent, ended } = streamTo(feedAt(5), position(5));
  stream.beat();
  await vi.waitFor(() => expect(sent).toEqual(['heartbeat']));
  stream.close();
  expect(await ended).toBe('closed');
});

test('is behind until the newest has left whole', async () => {
  const { stream, ended } = streamTo(feedAt(5), undefined);
  expect(stream.isBehind).toBe(true);
  await vi.waitFor(() => expect(stream.isBehind).toBe(false));
  stream.close();
  await ended;
});

test('sends everything to whoever must start over, and nothing older than that holds', async () => {
  for (const [feed, resume, expected] of [
    [feedAt(5), position(5), position(5)],
    [feedAt(5, 9), position(8), position(8)],
    [feedAt(5), position(3), position(5)],
  ] as const) {
    const { stream, positions, ended } = streamTo(feed, resume, true);
    await vi.waitFor(() => expect(positions).toEqual([expected]));
    stream.close();
    await ended;
  }
});

test('waits until it is where the agent is, but not for ever', async () => {
  const { stream, clock, sent, ended } = streamTo(feedAt(5), position(8));
  stream.beat();
  await vi.waitFor(() => expect(sent).toEqual(['heartbeat']));
  clock.advance(5_001);
  stream.beat();
  expect(await ended).toBe('behind');
  expect(sent).toEqual(['heartbeat']);
});

test('a message that cannot be sent ends it', async () => {
  const feed = feedAt(5);
  const clock = new ManualClock();
  const stream = new AgentStream({ feed, encodings: new Encodings(feed), clock, send: async () => false }, ANYTHING);
  expect(await stream.run()).toBe('closed');
  expect(stream.sent).toBeUndefined();
});

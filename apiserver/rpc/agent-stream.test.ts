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

function feedAt(revision: number): SnapshotFeed {
  const current: MeshSnapshot = {
    position: position(revision),
    cluster: 'west' as ClusterName,
    clusters: new Map(),
    services: ServiceMap.empty,
  };
  const history = new SnapshotHistory();
  history.push(current, undefined, 0);
  return {
    current,
    reached: current.position,
    at: (where) => history.at(where),
    outdatedSince: (where) => history.outdatedSince(where),
    subscribe: () => () => {},
  };
}

function streamTo(feed: SnapshotFeed, resume: Position | undefined) {
  const clock = new ManualClock();
  const reader = new MeshReader();
  const sent: string[] = [];
  const send = async (bytes: Uint8Array) => {
    const event = reader.read(bytes);
    sent.push(event.ok ? event.value.type : event.error);
    return true;
  };
  const stream = new AgentStream({ feed, encodings: new Encodings(feed), clock, send }, resume);
  return { stream, clock, sent, ended: stream.run() };
}

test('sends a whole snapshot to whoever holds nothing, or something unknown', async () => {
  for (const resume of [undefined, position(3), { ...position(9), storeId: '00000000000000bb' }]) {
    const { stream, sent, ended } = streamTo(feedAt(5), resume);
    await vi.waitFor(() => expect(sent.at(-1)).toBe('snapshot'));
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
  const stream = new AgentStream({ feed, encodings: new Encodings(feed), clock, send: async () => false }, undefined);
  expect(await stream.run()).toBe('closed');
  expect(stream.sent).toBeUndefined();
});

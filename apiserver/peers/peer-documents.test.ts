// How the folder of peers is read: hundreds of documents in turns, and each of them once.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { CARD_LIMITS } from '../../mesh/conflict/freshness.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { PeerSet } from './peer-set.ts';
import type { PeerIntake } from './port.ts';

const read = vi.hoisted(() => ({ total: 0, inTurn: 0, most: 0 }));
vi.mock(import('./peer-spec.ts'), async (original) => {
  const { parsePeerSpec } = await original();
  return {
    parsePeerSpec(file, text) {
      read.total += 1;
      read.inTurn += 1;
      read.most = Math.max(read.most, read.inTurn);
      return parsePeerSpec(file, text);
    },
  };
});

const PEERS = 60;

test('documents are read a few in a turn, and only those that are others than before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'peer-documents-'));
  const stop = new AbortController();
  const document = (name: string, endpoint = 'https://one:443') =>
    writeFile(join(folder, `${name}.yaml`), `name: ${name}\nendpoints: ['${endpoint}']\nca: ['/none.pem']\n`);
  for (let at = 0; at < PEERS; at += 1) await document(`east-${at}`);
  await writeFile(join(folder, 'broken.yaml'), 'name: 7\n');
  const intake: PeerIntake = {
    addPeer: () => {},
    applyPeerBatch: () => {},
    retainRecords: () => {},
    recordCount: () => 0,
    setConfig: () => {},
    setCard: () => {},
    setFreshness: () => {},
    removePeer: () => {},
  };
  const peers = new PeerSet({
    ...{ folder, self: 'west' as ClusterName, intake, clock: systemClock, random: seededRandom(1), log: silentLog },
    openDoor: (spec) => Promise.reject(new Error(`nobody is at ${spec.name}`)),
    limits: { card: CARD_LIMITS, plain: CARD_LIMITS },
    onChange: () => {},
  });
  const turn = () => {
    read.inTurn = 0;
    if (!stop.signal.aborted) setImmediate(turn);
  };
  turn();
  const running = peers.run(stop.signal);
  await vi.waitFor(() => expect(peers.names.size).toBe(PEERS), 10_000);
  expect(read.total).toBe(PEERS + 1);
  expect(read.most).toBeLessThanOrEqual(16);
  expect(peers.problems.map(({ file }) => file)).toEqual([join(folder, 'broken.yaml')]);

  await document('east-7', 'https://two:443');
  const moved = 'east-7' as ClusterName;
  await vi.waitFor(() => expect(peers.state(moved)?.endpoints).toEqual(['https://two:443']), 10_000);
  expect(read.total).toBe(PEERS + 2);
  expect(peers.problems.map(({ file }) => file)).toEqual([join(folder, 'broken.yaml')]);
  stop.abort();
  await running;
  await rm(folder, { recursive: true });
});

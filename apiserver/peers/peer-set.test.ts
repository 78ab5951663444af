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

test('a peer whose document changes is here at every moment that anybody is told of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'peer-set-'));
  const east = 'east' as ClusterName;
  const stop = new AbortController();
  const removed: ClusterName[] = [];
  const missing: string[] = [];
  const lists = new Set<PeerSet['specs']>();
  let told = 0;
  const document = (endpoint: string) =>
    writeFile(join(folder, 'east.yaml'), `name: east\nendpoints: ['${endpoint}']\nca: ['/none.pem']\n`);
  const intake: PeerIntake = {
    addPeer: () => {},
    applyPeerBatch: () => {},
    retainRecords: () => {},
    recordCount: () => 0,
    setConfig: () => {},
    setCard: () => {},
    setFreshness: () => {},
    removePeer: (peer) => removed.push(peer),
  };
  await document('https://one:443');
  const peers = new PeerSet({
    ...{ folder, self: 'west' as ClusterName, intake, clock: systemClock, random: seededRandom(1), log: silentLog },
    openDoor: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      throw new Error('nobody is there');
    },
    limits: { card: CARD_LIMITS, plain: CARD_LIMITS },
    onChange: (peer) => {
      told += 1;
      lists.add(peers.specs);
      if (peers.state(peer) === undefined) missing.push(peer);
    },
  });
  const running = peers.run(stop.signal);
  await vi.waitFor(() => expect(peers.state(east)?.phase).toBe('failed'));
  // A link that changes is no change of the set.
  expect([told > 1, lists.size]).toEqual([true, 1]);
  await document('https://two:443');
  await vi.waitFor(() => expect(peers.state(east)?.endpoints).toEqual(['https://two:443']), 5_000);
  expect([missing, removed]).toEqual([[], []]);
  expect(peers.specs.map(({ endpoints }) => endpoints)).toEqual([['https://two:443']]);
  await rm(join(folder, 'east.yaml'));
  await vi.waitFor(() => expect(peers.specs).toEqual([]), 5_000);
  stop.abort();
  await running;
  await rm(folder, { recursive: true });
});

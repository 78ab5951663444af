// A pair that the document of one peer names: its end is announced as that of every other own leaf, and goes with the document.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority } from '../../pki/authority.ts';
import { writePair, writePublic } from '../../pki/files.ts';
import { issue } from '../../pki/issue.ts';
import { type OwnLeaf, ownLeafFindings } from '../../pki/trust/own-leaf.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { OwnPairs } from './own-pairs.ts';
import type { PeerSpec } from './peer-spec.ts';

const HOUR_MS = 3_600_000;
const [WEST, EAST] = ['west' as ClusterName, 'east' as ClusterName];
let dir: string;
let own: Authority;
let specs: readonly PeerSpec[];
let pairs: OwnPairs;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'own-pairs-'));
  // Of the peer: a Cilium cluster gives its clients certificates of its own authority.
  own = await createAuthority({ cluster: EAST, now: Date.now(), days: 3_650 });
  await writePublic(join(dir, 'ca.pem'), own.certificate);
  specs = [
    {
      name: EAST,
      endpoints: ['https://127.0.0.1:2379'],
      ca: [join(dir, 'ca.pem')],
      serverName: 'east.mesh.cilium.io',
      client: { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') },
    },
  ];
  pairs = new OwnPairs({ spec: (peer) => specs.find(({ name }) => name === peer), clock: systemClock, log: silentLog });
});
afterEach(async () => {
  pairs.stop();
  await rm(dir, { recursive: true, force: true });
});

const write = async (hoursAgo: number) =>
  writePair(
    { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') },
    await issue({ authority: own, profile: 'peer', now: Date.now() - hoursAgo * HOUR_MS, ttlMs: 24 * HOUR_MS }),
  );
const store = async () => (await createAuthority({ cluster: WEST, now: Date.now(), days: 3_650 })).certificate;
const codesOf = async (leaves: readonly OwnLeaf[]) => {
  const trust = { local: WEST, store: [await store()], storePath: 'ca.pem' };
  return leaves.flatMap((leaf) =>
    ownLeafFindings(leaf, trust, Date.now()).map(({ code, evidence }) => [code, evidence.used_for]),
  );
};
const SOON = { timeout: 15_000, interval: 50 };

test('is followed while it is named: late, renewed, and gone', async () => {
  await write(20);
  pairs.peerChanged(EAST);
  await vi.waitFor(async () => expect(await codesOf(pairs.leaves)).toEqual([['CM-TRUST-005', 'peer east']]), SOON);
  await write(0);
  await vi.waitFor(async () => expect(await codesOf(pairs.leaves)).toEqual([]), SOON);
  expect(pairs.leaves.map(({ use }) => use)).toEqual(['peer east']);

  specs = specs.map(({ client: _client, ...spec }) => spec);
  pairs.peerChanged(EAST);
  expect(pairs.leaves).toEqual([]);
});

test('what is not there is no leaf, and is taken when it comes', async () => {
  pairs.peerChanged(EAST);
  expect(pairs.leaves).toEqual([]);
  await write(0);
  await vi.waitFor(() => expect(pairs.leaves).toHaveLength(1), SOON);
});

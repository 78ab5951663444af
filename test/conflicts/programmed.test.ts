// Given the mesh of each code of the catalogue, when what is admitted of it goes on through the view to a node of west, then what is withheld is
// behind no frontend that the node programs, and everything else is. What a node programs is written down in a table that can be
// read as documentation: `UPDATE_GOLDEN=1` writes it anew; commit only the differences that you understand.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { MapCounts } from '../../agent/desired/demand.ts';
import { DesiredState } from '../../agent/desired/desired-state.ts';
import { createView } from '../../apiserver/view/view.ts';
import { type ClusterId, type ClusterName, type IpAddress, type Revision, serviceKey } from '../../mesh/model/names.ts';
import { encodeLocalService, localServiceKey } from '../../mesh/wire/local-service.ts';
import { encodePeerRecord, peerRecordKey } from '../../mesh/wire/peer-record.ts';
import { cacheKeyOf } from '../../mesh/wire/record-kinds.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { AdmittedMesh } from '../samples/admission.ts';
import { CONFLICT_CASES, type ConflictCase } from '../samples/conflict-cases.ts';
import { jsonOf } from '../samples/mesh.ts';

const WEST = 'west' as ClusterName;
const GOLDEN = join(import.meta.dirname, '../golden/conflicts/what-is-programmed.txt');
const ROOM = 1_000;
const SIZES: MapCounts = {
  ...{ services: ROOM, backends: ROOM, reverseNat: ROOM },
  ...{ services6: ROOM, backends6: ROOM, reverseNat6: ROOM },
};

/** The global services of west itself, each with a pod of its own. */
const LOCAL = [
  { name: 'web', frontend: '172.1.0.10', pod: '10.1.0.5' },
  { name: 'cart', frontend: '172.1.0.11', pod: '10.1.0.6' },
].map(({ name, frontend, pod }) => {
  const key = serviceKey('shop', name);
  const value = encodeLocalService({
    key,
    frontends: [frontend as IpAddress],
    ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
    global: true,
    shared: true,
    affinity: 'none',
    backends: [
      {
        address: pod as IpAddress,
        cluster: WEST,
        clusterId: 1 as ClusterId,
        state: 'active',
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
      },
    ],
    labels: {},
    selector: {},
  });
  return { key, storeKey: localServiceKey(key), value };
});

interface Programmed {
  /** `shop/web 172.1.0.10:80/TCP`: the addresses behind it that new connections may get. */
  readonly frontends: ReadonlyMap<string, readonly string[]>;
  /** Backends of `late` that it sent, and that are behind nothing. */
  readonly withheld: readonly string[];
}

/** What the reflector stores of the mesh, through the view of west, to the rows of a node. */
async function programmed({ clusters, after }: ConflictCase): Promise<Programmed> {
  const mesh = new AdmittedMesh(clusters, { quota: { records: 16, bytes: 1_000_000 } });
  after?.(mesh);
  const view = createView({ cluster: { name: WEST, id: 1 as ClusterId }, clock: systemClock, log: silentLog });
  const stored = new Map<string, Uint8Array>(LOCAL.map(({ storeKey, value }) => [storeKey, value]));
  for (const { name, id, freshness } of clusters.slice(1)) {
    const peer = name as ClusterName;
    const standing = { name: peer, id, freshness: freshness?.state ?? 'fresh', synced: freshness?.synced ?? true };
    stored.set(peerRecordKey(peer), encodePeerRecord(standing));
    for (const [key, value] of mesh.engine.admitted(peer)) stored.set(cacheKeyOf(peer, key) ?? '', value);
  }
  const events = [...stored].map(([key, value]) => ({
    type: 'put' as const,
    kv: { key, value, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
  }));
  const position = { storeId: '00000000000000aa', revision: 2 as Revision };
  view.onBatch({ position, events, relisted: true });
  await view.settled();

  const desired = new DesiredState(SIZES);
  for (const [key, service] of view.current?.services ?? []) desired.set(key, service, WEST);
  await desired.settle(() => undefined);
  const frontends = new Map<string, readonly string[]>();
  for (const { entrance, service, backends, count } of desired.frontends()) {
    const addresses = [...backends].slice(0, count).map(({ address }) => String(address));
    frontends.set(`${service} ${entrance.name}`, addresses.sort());
  }
  const served = new Set([...frontends.values()].flat());
  const sent = clusters.find(({ name }) => name === 'late')?.records ?? [];
  const backends = sent
    .filter(({ key }) => key.startsWith('cilium/state/services/'))
    .flatMap(({ bytes }) => Object.keys((jsonOf(bytes) as { readonly backends: object }).backends));
  return { frontends, withheld: [...new Set(backends)].filter((address) => !served.has(address)).sort() };
}

const text = ({ code }: ConflictCase, { frontends, withheld }: Programmed): string =>
  [
    code,
    ...[...frontends].sort().map(([name, addresses]) => `  ${name} → ${addresses.join(', ')}`),
    ...(withheld.length === 0 ? [] : [`  behind nothing: ${withheld.join(', ')}`]),
    '',
  ].join('\n');

const HEAD = `What a node of west programs while late has one thing wrong in it, by code: its two services, and whom new connections may get.
Pods of west are 10.1.0.5 and 10.1.0.6, of central 10.2.0.5; what else late sent is behind nothing. The meshes are in test/samples/conflict-cases.ts.

`;

test('a node of west programs for each code what is left of late, and nothing that is withheld', async () => {
  const sections: string[] = [];
  for (const each of CONFLICT_CASES) sections.push(text(each, await programmed(each)));
  const table = HEAD + sections.join('\n');
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(GOLDEN, table);
  expect(table).toBe(await readFile(GOLDEN, 'utf8'));
});

/** Of the cases in which a backend lies in what is withheld: that backend, and one beside it that does not. */
test.each([
  ['CM-CIDR-001', '10.2.64.1', '10.9.0.5'],
  ['CM-CIDR-002', '172.1.9.1', '10.9.0.5'],
  ['CM-CIDR-006', '8.8.4.4', '10.9.0.5'],
])('%s: no connection of west gets to %s, and those to %s go on', async (code, inside, beside) => {
  const row = CONFLICT_CASES.find((each) => each.code === code);
  if (row === undefined) throw new Error(`no case for ${code}`);
  const { frontends, withheld } = await programmed(row);
  expect(withheld).toEqual([inside]);
  expect([...frontends.values()].flat()).toContain(beside);
});

test.each(['CM-ID-001', 'CM-ID-002', 'CM-ID-003'])('%s: nothing of late is programmed at all', async (code) => {
  for (const row of CONFLICT_CASES.filter((each) => each.code === code)) {
    const { frontends } = await programmed(row);
    expect([...frontends.values()].flat().filter((address) => address.startsWith('10.9.'))).toEqual([]);
  }
});

// Given two connected clusters with an agent, `clustermesh wait` returns when a service of the other cluster is in the maps, when a
// revision is, and when the mesh has converged; says what is missing when the time is over; and tells wrong usage from no answer.
// Needs root, etcd, ip and nsenter, and `npm run build` before.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { bringUp, emptyMesh, nodeOf, remove, SERVICE, serviceOf, skipped, spec } from './mesh-of.ts';

describe.skipIf(skipped)('clustermesh wait', () => {
  const mesh = emptyMesh();
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await bringUp(mesh, [spec('west', 1), spec('east', 2)], new AbortController().signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
  }, 120_000);
  afterAll(() => remove(mesh), 60_000);

  const wait = (...args: string[]) => runCli(west.apiServer.socket, ['wait', ...args, '-o', 'json']);
  const service = `${SERVICE.namespace}/${SERVICE.name}`;

  test('returns once the other cluster’s new backend is on every node, and once all has arrived', async () => {
    const added = await serviceOf(east).startBackend(nodeOf(east).at);
    const waiting = wait('--service', service, '--backends', '3', '--agents', '1', '--timeout', '30s');
    serviceOf(east).announce(added);
    const { status, stdout } = await waiting;
    expect(JSON.parse(stdout)).toMatchObject({ reached: true, missing: [] });
    expect(status).toBe(0);
    const { snapshot, agents } = await west.apiServer.status();
    expect(agents[0]?.revision).toBe(snapshot.revision);
    expect(await wait('--revision', String(snapshot.revision), '--timeout', '30s')).toMatchObject({ status: 0 });
    expect(await wait('--converged', '--timeout', '30s')).toMatchObject({ status: 0 });
  });

  test('says what is missing when the time is over, and tells usage from silence', async () => {
    const late = await wait('--service', service, '--backends', '9', '--timeout', '500ms');
    expect(late.status).toBe(1);
    expect(JSON.parse(late.stdout)).toMatchObject({ reached: false, missing: ['3 of 9 backends'] });
    expect(late.stderr).toContain('3 of 9 backends');
    expect(await wait('--converged', '--revision', '3')).toMatchObject({ status: 2 });
    const nobody = await runCli('/nowhere.sock', ['wait', '--converged', '--timeout', '300ms']);
    expect(nobody).toMatchObject({ status: 3, stderr: expect.stringContaining('API_UNREACHABLE') });
  });
});

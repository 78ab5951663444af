// The network of the lab, without any program of ours in the kernel. Needs root, iproute2, cgroup2 and bpffs, and the built
// programs (npm run build).

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { netnsPath } from './place.ts';
import { startProcess } from './process.ts';
import { programLine } from './programs.ts';
import { removeLab, removeResidue } from './residue.ts';
import { RoutedUnderlay } from './routed-underlay.ts';
import { LabState } from './state.ts';
import { planCluster, podAddress } from './topology.ts';
import { Traffic } from './traffic.ts';
import type { ClusterPlaces } from './underlay.ts';

const skipped = process.env.CI === undefined && process.getuid?.() !== 0;
const spec = (name: string, id: number) =>
  planCluster({
    name,
    id,
    podCIDRs: [`10.${id}.0.0/16`],
    serviceCIDRs: [`172.20.${id}.0/24`],
    nodeCIDR: `192.168.${id}.0/24`,
    nodes: [`${name}-1`, `${name}-2`],
  });

describe.skipIf(skipped)('the routed underlay', () => {
  let folder: string;
  let state: LabState;
  let west: ClusterPlaces;
  let east: ClusterPlaces;
  let underlay: RoutedUnderlay;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'underlay-'));
    state = new LabState({ folder, id: `t${process.pid}`, owner: process.pid });
    state.open();
    underlay = new RoutedUnderlay(state);
    await underlay.open();
    west = await underlay.addCluster(spec('west', 1));
    east = await underlay.addCluster(spec('east', 2));
  });
  afterAll(async () => {
    const { left } = await removeLab(state.dir, state.record);
    rmSync(folder, { recursive: true, force: true });
    expect(left).toEqual([]);
  });

  test('carries requests from a node of one cluster to a pod of another, from inside their cgroups', async () => {
    const [from, to] = [west.nodes[0], east.nodes[1]];
    if (from === undefined || to === undefined) throw new Error('the plan has two nodes each');
    const address = podAddress(to.plan, 0);
    await underlay.addPodAddress(to, address);
    const lines: string[] = [];
    const args = ['--address', address, '--port', '8080', '--cluster', 'east', '--node', to.plan.name, '--pod', 'p1'];
    const backend = await startProcess({
      ...programLine('lab/backend', args),
      name: 'backend',
      place: to.place,
      logFile: join(state.dir, 'backend.log'),
      onLine: (line) => lines.push(line),
    });
    state.processStarted(backend.pid);
    await backend.untilReady(async () => lines.length > 0, 10_000);
    expect(readFileSync(`/proc/${backend.pid}/cgroup`, 'utf8')).toContain(to.kernel?.cgroup.split('/').at(-2));

    const traffic = new Traffic({
      name: 'client',
      target: `http://${address}:8080/`,
      place: from.place,
      logFile: join(state.dir, 'client.log'),
      ratePerSecond: 100,
      start: startProcess,
    });
    await traffic.start();
    await expect.poll(() => traffic.counts().requests, { timeout: 10_000 }).toBeGreaterThan(20);
    expect(traffic.counts()).toMatchObject({ failed: 0, answeredBy: { east: expect.any(Number) } });
    await backend.kill();
    await expect.poll(() => traffic.counts().errors.ECONNREFUSED, { timeout: 10_000 }).toBeGreaterThan(0);
    await traffic.stop();
  });

  test('is removed with all that runs in it by whoever comes after a crash, and not before', async () => {
    const crashed = new LabState({ folder, id: `c${process.pid}`, owner: process.pid });
    crashed.open();
    const made = new RoutedUnderlay(crashed);
    await made.open();
    const places = await made.addCluster(spec('north', 3));
    const sleeper = await startProcess({
      name: 'sleeper',
      command: 'sleep',
      args: ['600'],
      place: places.nodes[0]?.place ?? {},
      logFile: join(crashed.dir, 'sleep.log'),
    });
    const { netns = '', cgroup = '' } = places.nodes[0]?.place ?? {};
    expect(await removeResidue(folder)).toEqual([]);
    expect(existsSync(netnsPath(netns))).toBe(true);

    const ended = { pid: process.pid, startTime: 'of another boot' };
    const outcome = await removeLab(crashed.dir, { ...crashed.record, owner: ended });
    expect(outcome.left).toEqual([]);
    expect([existsSync(netnsPath(netns)), existsSync(cgroup), existsSync(crashed.dir)]).toEqual([false, false, false]);
    expect((await sleeper.exited).signal).toBe('SIGKILL');
  });
});

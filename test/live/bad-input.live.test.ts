// Given two clusters under traffic, when one of them is given what cannot be used (manifests with errors, records that are
// garbage or do not fit their keys, broken certificates, ports that are taken), then each is named with a code and a place, no
// request fails, no backend leaves a kernel, and none that is refused gets in. Needs root, etcd and etcdctl, cgroup2, bpffs, a
// kernel that takes the programs, and the built programs (npm run build). Takes about ten seconds.

import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { isInstalled } from '../../lab/installed.ts';
import { startProcess } from '../../lab/process.ts';
import { programLine } from '../../lab/programs.ts';
import type { Traffic } from '../../lab/traffic.ts';
import { writeYaml } from '../../lab/yaml-file.ts';
import { etcdctl } from './etcdctl.ts';
import { kernelRows } from './kernel-rows.ts';
import {
  bringUp,
  dialEverywhere,
  emptyMesh,
  failuresOf,
  nodeOf,
  remove,
  serviceOf,
  skipped,
  spec,
  untilWhole,
  WHOLE_WITHIN_MS,
  type Witness,
  witnessNoLoss,
} from './mesh-of.ts';

const WAIT = { timeout: WHOLE_WITHIN_MS, interval: 50 };
/** Of a command that could not be carried out. */
const EXIT_FAILED = 3;

describe.skipIf(skipped || (process.env.CI === undefined && !isInstalled('etcdctl')))(
  'input that cannot be used',
  () => {
    const stop = new AbortController();
    const mesh = emptyMesh();
    let west: LabCluster;
    let east: LabCluster;
    let traffic: readonly Traffic[];
    let witness: Witness;

    beforeAll(async () => {
      await bringUp(mesh, [spec('west', 1), spec('east', 2)], stop.signal);
      [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
      traffic = await dialEverywhere(mesh, 50);
      witness = witnessNoLoss(mesh);
    }, 120_000);

    afterAll(async () => {
      stop.abort();
      await remove(mesh);
    }, 60_000);

    test('manifests: the old state goes on, and status names file, line and reason', async () => {
      const broken = join(west.folder.manifests, 'endpointslice-demo-echo-lab.yaml');
      const good = readFileSync(broken, 'utf8');
      writeFileSync(broken, good.replace('endpoints:', 'endpoints: ]'));
      const wrong = join(west.folder.manifests, 'wrong.yaml');
      writeYaml(wrong, { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'demo', name: 'wrong' }, spec: 7 });
      await vi.waitFor(async () => {
        const { source, health } = await west.status();
        expect([...new Set(source.problems.map(({ file }) => file))].sort()).toEqual([broken, wrong]);
        for (const problem of source.problems) {
          expect(problem).toMatchObject({
            code: expect.stringMatching(/^[A-Z_]+$/),
            reason: expect.stringMatching(/./),
          });
          expect(problem.line).toBeGreaterThan(0);
        }
        expect(health.source).toMatchObject({ state: 'degraded', reason: expect.stringContaining(`${broken}:`) });
      }, WAIT);
      await untilWhole(mesh);
      writeFileSync(broken, good);
      writeYaml(wrong, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'right' } });
      await vi.waitFor(async () => expect((await west.status()).source.problems).toEqual([]), WAIT);
    }, 90_000);

    test('records of a peer: withheld and kept with their reason; what was good before stays in the kernel', async () => {
      await takeElection(east);
      // Between our own programs services travel in pieces, and those are what is read of east.
      const [heads, slices] = ['clustermesh/v1/heads/east/demo', 'clustermesh/v1/slices/east/demo'];
      const whole = 'cilium/state/services/v1/east/demo/echo';
      const good = JSON.parse(await etcdctl(east, ['get', '--print-value-only', whole]));
      const evil = {
        ...{ cluster: 'east', namespace: 'demo', name: 'echo', clusterID: 2 },
        backends: { '10.2.1.66': { http: { Protocol: 'TCP', Port: 8080 } } },
      };
      const garbage: Readonly<Record<string, string>> = {
        [`${heads}/echo`]: 'no JSON at all',
        // Whose value is another slice's, of another cluster, has another cluster's id, and has backends where none belong.
        [`${slices}/echo/other`]: JSON.stringify({ ...evil, slice: 'another' }),
        [`${slices}/echo/foreign`]: JSON.stringify({ ...evil, slice: 'foreign', cluster: 'north' }),
        [`${slices}/echo/id`]: JSON.stringify({ ...evil, slice: 'id', clusterID: 77 }),
        [`${heads}/other`]: JSON.stringify({ ...good, name: 'other' }),
        'cilium/state/ip/v1/default/10.2.1.66': JSON.stringify({
          IP: '10.2.1.67',
          ID: 131_073,
          HostIP: '192.168.2.11',
        }),
        'cilium/state/nodes/v1/east/east-9': '\u0000\u0001\u0002',
      };
      for (const [key, value] of Object.entries(garbage)) await etcdctl(east, ['put', key], value);

      await vi.waitFor(async () => {
        const { records } = await getJsonOver<Quarantine>(west.apiServer.socket, '/v1/quarantine?peer=east');
        const withheld = records.filter(({ codes }) => codes.includes('CM-REC-001'));
        expect(withheld.map(({ key }) => key).sort()).toEqual(Object.keys(garbage).sort());
        for (const { reason } of withheld) expect(reason).not.toBe('');
        const { findings } = await west.conflicts();
        const keys = findings.filter(({ code }) => code === 'CM-REC-001').map(({ subject }) => subject.key);
        expect(keys.sort()).toEqual(Object.keys(garbage).sort());
      }, WAIT);
      // Kept under its key in the own etcd; in the cache stands what was good.
      const kept = await etcdctl(west, ['get', '--print-value-only', `clustermesh/v1/quarantine/east/${heads}/echo`]);
      expect(JSON.parse(kept).value).toBe(Buffer.from('no JSON at all').toString('base64'));
      const cached = await etcdctl(west, ['get', '--print-value-only', 'cilium/cache/services/v1/east/demo/echo']);
      expect(JSON.parse(cached)).toEqual(good);
      await untilWhole(mesh);
      expect(JSON.stringify(await kernelRows(nodeOf(west)))).not.toContain('10.2.1.66');

      // East's own publisher puts everything right.
      await etcdctl(east, ['del', ELECTION]);
      await vi.waitFor(async () => {
        const { records } = await getJsonOver<Quarantine>(west.apiServer.socket, '/v1/quarantine?peer=east');
        expect(records).toEqual([]);
      }, WAIT);
    }, 120_000);

    test('certificates: a start without fails and names the file; one that breaks leaves the last good one in use', async () => {
      const config = configOf(west);
      const missing = join(west.folder.dir, 'nowhere.pem');
      const said = await failedStart('certificate', {
        ...config,
        door: { ...config.door, tls: { ...config.door.tls, cert: missing } },
      });
      expect(said).toContain(`[TLS_FILES] load certificates ${missing}`);

      const { cert } = west.layout.leaf('rpc');
      const saved = `${cert}.saved`;
      copyFileSync(cert, saved);
      writeFileSync(cert, 'no certificate');
      const tls = async () => (await west.status()).health.tls;
      await vi.waitFor(
        async () => expect(await tls()).toMatchObject({ state: 'degraded', reason: expect.stringContaining(cert) }),
        WAIT,
      );
      const node = nodeOf(west);
      await node.agent?.kill();
      await node.startAgent();
      await node.agentReady();
      const service = serviceOf(west);
      service.announce(await service.startBackend(node.at));
      await untilWhole(mesh);
      copyFileSync(saved, cert);
      await vi.waitFor(async () => expect(await tls()).toMatchObject({ state: 'ok' }), WAIT);
    }, 120_000);

    test('ports that are taken: a start fails, says which, and disturbs nobody', async () => {
      const config = configOf(west);
      const { etcdPort, servers } = west.places.control;
      const free = {
        ...config,
        door: { ...config.door, listen: '0.0.0.0:0' },
        rpc: { ...config.rpc, listen: '0.0.0.0:0' },
      };
      const taken: readonly (readonly [string, string, ApiServerConfig])[] = [
        ['http', `127.0.0.1:${etcdPort}`, { ...free, http: { listen: `127.0.0.1:${etcdPort}` } }],
        ['door', `0.0.0.0:${servers[0]?.door}`, { ...free, door: config.door }],
        ['rpc', `0.0.0.0:${servers[0]?.rpc}`, { ...free, rpc: config.rpc }],
      ];
      for (const [name, address, wrong] of taken) {
        expect(await failedStart(name, wrong), name).toContain(`[LISTEN_ADDRESS_TAKEN] listen on ${address}`);
      }
    }, 90_000);

    test('after all of it no request has failed, nothing has left a kernel, and the mesh is whole', async () => {
      await untilWhole(mesh);
      expect(await witness.end()).toEqual([]);
      expect(failuresOf(traffic)).toEqual([]);
    }, 60_000);

    /** What an API server of west says that ends at its start. */
    async function failedStart(name: string, config: ApiServerConfig): Promise<string> {
      const configFile = join(west.folder.dir, `${name}.yaml`);
      const logFile = join(west.folder.logs, `${name}.log`);
      const listen = Array.isArray(config.http.listen) ? `unix:${configFile}.sock` : config.http.listen;
      writeYaml(configFile, { ...config, http: { listen } });
      const line = programLine('cli/main', ['apiserver', '--config', configFile]);
      const child = await startProcess({ ...line, name, place: west.places.control.place, logFile });
      const killing = setTimeout(() => child.kill(), 20_000);
      const exit = await child.exited;
      clearTimeout(killing);
      expect(exit).toEqual({ code: EXIT_FAILED, signal: null });
      return readFileSync(logFile, 'utf8');
    }
  },
);

interface Quarantine {
  readonly records: readonly { readonly key: string; readonly codes: readonly string[]; readonly reason: string }[];
}

interface ApiServerConfig {
  readonly door: { readonly listen: string; readonly tls: object };
  readonly rpc: { readonly listen: string };
  readonly http: { readonly listen: string | readonly string[] };
}

const configOf = ({ apiServer }: LabCluster): ApiServerConfig => parse(readFileSync(apiServer.configFile, 'utf8'));

const ELECTION = 'clustermesh/v1/election/writer';

/** Nobody writes into the cluster's etcd any more, so that what a test writes there stays; its door goes on. */
async function takeElection(cluster: LabCluster): Promise<void> {
  await etcdctl(cluster, ['put', ELECTION], 'a test');
  await vi.waitFor(async () => expect((await cluster.status()).leader).toBe(false), WAIT);
}

// Given a mesh that was bootstrapped, joined and used, when everything it wrote and said is searched, then no private key is in it:
// in a log, in etcd, in an answer of an API server or an agent, or in what a command says of keys that are damaged. And the files
// that do hold one are their owner's alone. Needs etcd, and `npm run build` before.

import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { getOver } from '../../lab/http.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { systemClock } from '../../runtime/clock.ts';
import { etcdctl } from './etcdctl.ts';
import { remove, spec } from './mesh-of.ts';

/** What etcd preallocates is searched through its API instead. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const OWNER_ONLY = 0o077;
const WITHIN = { timeout: 20_000, interval: 100 };

describe.skipIf(skippedWithout('etcd'))('private keys', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let secrets: ReadonlyMap<string, readonly Buffer[]>;
  beforeAll(async () => {
    await mesh.open();
    const signal = new AbortController().signal;
    await mesh.addClusters([spec('west', 1), spec('east', 2)], signal);
    west = mesh.cluster('west');
    await mesh.startAgents([...mesh.clusters.values()], signal);
    await mesh.joinAll([...mesh.clusters.values()]);
    secrets = new Map(keyFiles(mesh.dir).map((path) => [path, tracesOf(readFileSync(path, 'utf8'))]));
  }, 120_000);
  afterAll(() => remove(mesh), 60_000);

  /** Where a trace of a key is found, as `key in place`. */
  function leaks(place: string, said: Buffer | string): readonly string[] {
    const bytes = Buffer.from(said);
    return [...secrets].flatMap(([key, traces]) =>
      traces.some((trace) => bytes.includes(trace)) ? [`${key} in ${place}`] : [],
    );
  }

  test('are in files of their owner alone', () => {
    const names = [...secrets.keys()].map((path) => path.slice(west.folder.pki.length + 1));
    expect(names).toEqual(expect.arrayContaining(['ca/key.pem', 'door/key.pem', 'etcd-server/key.pem', 'rpc/key.pem']));
    expect([...secrets.keys()].filter((path) => (statSync(path).mode & OWNER_ONLY) !== 0)).toEqual([]);
    // What is looked for is found where it is.
    for (const path of secrets.keys()) expect(leaks('its file', readFileSync(path))).toContain(`${path} in its file`);
  });

  test('are in no log, no etcd, no answer and no complaint', { timeout: 60_000 }, async () => {
    const damaged = [west.layout.authority.key, west.layout.leaf('rpc').key];
    for (const path of damaged) await writeFile(path, cut(readFileSync(path, 'utf8')));
    await vi.waitFor(
      () => expect(logsOf(mesh.dir).includes('holds no private key that can be read')).toBe(true),
      WITHIN,
    );

    const found: string[] = [];
    const look = (place: string, said: Buffer | string) => found.push(...leaks(place, said));
    const commands = [
      ['trust', 'status', '--dir', west.folder.pki],
      ['trust', 'renew', '--dir', west.folder.pki, '--all', '-o', 'json'],
      ['trust', 'rotate-ca', '--dir', west.folder.pki, '--prepare'],
      ['pki', 'init', '--dir', west.folder.pki, '--cluster', 'west'],
      ['peers', '-o', 'json'],
      ['status', '-o', 'json'],
      ['troubleshoot', 'east', '-o', 'json'],
      ['invite', '--peer', 'north', '-o', 'json'],
    ];
    for (const args of commands) {
      const { stdout, stderr } = await runCli(west.apiServer.socket, args);
      expect(stdout + stderr, args.join(' ')).not.toBe('');
      look(args.join(' '), stdout + stderr);
    }
    for (const path of [
      '/v1/status',
      '/v1/peers',
      '/v1/trust',
      '/v1/conflicts',
      '/v1/quarantine',
      '/metrics',
      '/readyz',
    ]) {
      look(path, (await getOver(west.apiServer.socket, path)).body);
    }
    for (const cluster of mesh.clusters.values()) {
      const { kvs } = JSON.parse(await etcdctl(cluster, ['get', '--prefix', '', '-w', 'json'])) as {
        readonly kvs: readonly { readonly key: string; readonly value: string }[];
      };
      expect(kvs.length).toBeGreaterThan(0);
      for (const { key, value } of kvs) look(`etcd ${atob(key)}`, Buffer.from(value, 'base64'));
    }
    for (const path of filesOf(mesh.dir)) {
      if (!path.endsWith('/key.pem')) look(path, readFileSync(path));
    }
    expect(found).toEqual([]);
  });
});

function filesOf(dir: string): readonly string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size <= FILE_BYTES_MAX);
}

const keyFiles = (dir: string) => filesOf(dir).filter((path) => readFileSync(path).includes('PRIVATE KEY-----'));

const logsOf = (dir: string) =>
  filesOf(dir)
    .filter((path) => path.endsWith('.log'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');

/** The lines of its PEM that hold the secret number, and that number by itself: as bytes, in hex and in base64. */
function tracesOf(pem: string): readonly Buffer[] {
  const { d } = createPrivateKey(pem).export({ format: 'jwk' });
  if (d === undefined) throw new Error('the key has no secret number');
  const number = Buffer.from(d, 'base64url');
  const [, first = '', second = ''] = pem.split('\n');
  const texts = [first, second, d, number.toString('hex'), number.toString('base64')];
  return [number, ...texts.map((text) => Buffer.from(text))];
}

/** Damaged so that what reads it still meets most of the key. */
const cut = (pem: string): string => pem.replace('-----END', '----END');

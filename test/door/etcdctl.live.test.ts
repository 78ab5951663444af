// etcdctl as a client of the door, in place of whatever else reads etcd: what it may read it reads as from etcd, and everything
// else is refused with a reason. Given a door over a mirror of a real etcd. Needs: etcd and etcdctl on the PATH, loopback.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Write } from '../../apiserver/store/port.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { type MirroredDoor, startMirroredDoor, writeCertificate } from './mirrored-door.ts';

const put = (key: string, value: string): Write => ({ type: 'put', key, value: Buffer.from(value) });
const PATIENCE = { timeout: 10_000, interval: 20 };

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe.skipIf(skippedWithout('etcd', 'etcdctl'))('etcdctl at the door', () => {
  let subject: MirroredDoor;
  const files = new Map<Client, readonly string[]>();
  const children: ChildProcess[] = [];
  type Client = 'peer' | 'admin' | 'agent';

  beforeAll(async () => {
    subject = await startMirroredDoor();
    for (const [client, authority, profile] of [
      ['peer', 'peer', 'peer'],
      ['admin', 'own', 'admin'],
    ] as const) {
      const paths = writeCertificate(join(subject.dir, client), await subject.certificate(authority, profile));
      const flags = [`--cacert=${paths.ca}`, `--cert=${paths.cert}`, `--key=${paths.key}`];
      files.set(client, [`--endpoints=https://${subject.endpoint}`, '--command-timeout=8s', ...flags]);
    }
    await subject.store.transact([
      put('cilium/state/services/v1/west/test/echo', 'echo v1'),
      put('cilium/state/services/v1/west/test/other', 'other v1'),
      put('cilium/state/nodes/v1/west/n1', 'node'),
      put('cilium/cluster-config/west', 'config'),
      put('cilium/cluster-config/westward', 'not for peers'),
      put('cilium/synced/west/cilium/state/ip/v1', 'canary'),
      put('cilium/.heartbeat', 'beat'),
      put('cilium/cache/ip/v1/east/10.0.0.1', 'cached'),
      put('clustermesh/v1/cards/west', 'card'),
      put('clustermesh/v1/quarantine/east/x', 'secret'),
      put('clustermesh/v1/local/services/test/echo', 'secret'),
    ]);
    await caughtUp();
  });
  afterAll(async () => {
    for (const child of children) child.kill();
    await subject?.close();
  });

  async function caughtUp(): Promise<number> {
    const { revision } = await subject.store.status();
    await vi.waitFor(() => expect(subject.mirror.state.position?.revision).toBe(revision), PATIENCE);
    return revision;
  }

  function etcdctl(client: Client, ...args: string[]): Promise<Outcome> {
    return new Promise((resolve) => {
      execFile('etcdctl', [...(files.get(client) ?? []), ...args], ENVIRONMENT, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
      });
    });
  }

  /** What it prints, line by line, until the end of the test. */
  function follow(client: Client, ...args: string[]): { readonly lines: string[]; readonly errors: string[] } {
    const child = spawn('etcdctl', [...(files.get(client) ?? []), ...args], ENVIRONMENT);
    children.push(child);
    const [lines, errors]: [string[], string[]] = [[], []];
    child.stdout.on('data', (text: Buffer) => lines.push(...text.toString().split('\n').filter(Boolean)));
    child.stderr.on('data', (text: Buffer) => errors.push(text.toString()));
    return { lines, errors };
  }

  test('reads prefixes, single keys, counts and pages', async () => {
    expect((await etcdctl('peer', 'get', '--prefix', 'cilium/state/')).stdout.split('\n')).toEqual([
      ...['cilium/state/nodes/v1/west/n1', 'node'],
      ...['cilium/state/services/v1/west/test/echo', 'echo v1'],
      ...['cilium/state/services/v1/west/test/other', 'other v1', ''],
    ]);
    for (const key of ['cilium/cluster-config/west', 'cilium/.heartbeat', 'clustermesh/v1/cards/west']) {
      expect((await etcdctl('peer', 'get', key)).stdout).toMatch(new RegExp(`^${key}\n`));
    }
    const descending = ['--prefix', '--keys-only', '--order=DESCEND', '--sort-by=KEY', '--limit=1'];
    expect((await etcdctl('peer', 'get', 'cilium/state/', ...descending)).stdout.trim()).toBe(
      'cilium/state/services/v1/west/test/other',
    );
    const page = await etcdctl('peer', 'get', '--prefix', '--limit=1', '--write-out=json', 'cilium/state/');
    expect(JSON.parse(page.stdout)).toMatchObject({ count: 3, more: true, kvs: [{ version: 1 }] });
  });

  test('answers in the same JSON as etcd itself, ids of members apart', async () => {
    const request = ['get', '--prefix', 'cilium/state/', '--write-out=json'];
    const direct = await new Promise<string>((resolve) => {
      const endpoints = `--endpoints=http://${subject.etcd.endpoints[0]}`;
      execFile('etcdctl', [endpoints, ...request], ENVIRONMENT, (_, stdout) => resolve(stdout));
    });
    // Ids are larger than what JSON.parse reads exactly.
    const exact = (json: string) => json.replace(/"(member_id|raft_term)":\d+/g, '"$1":0');
    expect(exact((await etcdctl('peer', ...request)).stdout)).toBe(exact(direct));
  });

  test('reads a revision of before', async () => {
    const before = await caughtUp();
    await subject.store.transact([put('cilium/state/services/v1/west/test/echo', 'echo v2')]);
    await caughtUp();
    const key = 'cilium/state/services/v1/west/test/echo';
    expect((await etcdctl('peer', 'get', '--print-value-only', key)).stdout).toBe('echo v2\n');
    expect((await etcdctl('peer', 'get', '--print-value-only', `--rev=${before}`, key)).stdout).toBe('echo v1\n');
    const future = await etcdctl('peer', 'get', `--rev=${before + 1000}`, key);
    expect(future.stderr).toContain('required revision is a future revision');
  });

  test('follows changes from a revision of before', async () => {
    const before = await caughtUp();
    await subject.store.transact([put('cilium/state/ip/v1/default/10.0.0.9', 'old')]);
    const { lines } = follow('peer', 'watch', '--prefix', '--prev-kv', `--rev=${before + 1}`, 'cilium/state/ip/');
    const key = 'cilium/state/ip/v1/default/10.0.0.9';
    await vi.waitFor(() => expect(lines).toEqual(['PUT', key, 'old']), PATIENCE);
    await subject.store.transact([put(key, 'new'), put('cilium/cache/ip/v1/east/10.0.0.2', 'elsewhere')]);
    await subject.store.transact([{ type: 'delete', key }]);
    // The entry before, then the change; a deleted key has no value.
    const changes = ['PUT', key, 'old', 'PUT', key, 'old', key, 'new', 'DELETE', key, 'new', key];
    await vi.waitFor(() => expect(lines).toEqual(changes), PATIENCE);
  });

  test('says how the door is', async () => {
    const status = await etcdctl('peer', 'endpoint', 'status', '--write-out=json');
    const revision = await caughtUp();
    expect(JSON.parse(status.stdout)).toMatchObject([{ Status: { header: { revision }, leader: 1 } }]);
    expect((await etcdctl('peer', 'endpoint', 'health')).stderr).toContain('is healthy');
  });

  test.each<{ readonly client: Client; readonly args: readonly string[] }>([
    { client: 'peer', args: ['get', '--prefix', 'cilium/'] },
    { client: 'peer', args: ['get', '--prefix', ''] },
    { client: 'peer', args: ['get', '--from-key', 'cilium/state/'] },
    { client: 'peer', args: ['get', '--from-key', ''] },
    { client: 'peer', args: ['get', 'cilium/state/', 'cilium/state1'] },
    { client: 'peer', args: ['get', 'cilium/statd', 'cilium/state/x'] },
    { client: 'peer', args: ['get', '--prefix', 'cilium/cluster-config/west'] },
    { client: 'peer', args: ['get', 'cilium/cluster-config/westward'] },
    { client: 'peer', args: ['get', '--prefix', 'cilium/cache/'] },
    { client: 'peer', args: ['get', '--prefix', 'clustermesh/v1/'] },
    { client: 'peer', args: ['get', 'clustermesh/v1/quarantine/east/x'] },
    { client: 'admin', args: ['get', '--prefix', 'clustermesh/v1/local/'] },
    { client: 'peer', args: ['watch', '--prefix', 'cilium/'] },
    { client: 'peer', args: ['watch', '--prefix', ''] },
    // The case in which older releases of etcd show other prefixes' keys (GHSA-xg4h-6gfc-h4m8).
    { client: 'peer', args: ['watch', 'cilium/state/', '\0'] },
    { client: 'admin', args: ['watch', '--prefix', 'clustermesh/v1/quarantine/'] },
  ])('refuses $client the command $args', async ({ client, args }) => {
    if (args.includes('\0')) return refusesOpenEndedWatch();
    const outcome = await etcdctl(client, ...args);
    expect(outcome.stdout).not.toMatch(/secret|cached/);
    expect(outcome.stderr + outcome.stdout).toContain('permission denied');
    // It says what is allowed.
    expect(outcome.stderr + outcome.stdout).toContain('cilium/state/');
  });

  /** A NUL cannot stand on a command line: etcdctl's own way to an open end. */
  async function refusesOpenEndedWatch(): Promise<void> {
    const { lines, errors } = follow('peer', 'watch', '--interactive');
    const child = children.at(-1);
    child?.stdin?.write('watch "cilium/state/" "\\x00"\n');
    await vi.waitFor(() => expect([...errors, ...lines].join('\n')).toContain('permission denied'), PATIENCE);
    expect(lines.join('\n')).not.toMatch(/secret/);
  }

  test.each([
    ...['put cilium/state/x y', 'del cilium/state/x', 'del --prefix cilium/', 'compaction 3', 'defrag', 'alarm list'],
    ...['lease grant 60', 'lease list', 'lease revoke 1', 'lease timetolive 1', 'lock x', 'elect x y', 'elect -l x'],
    ...['member list', 'user list', 'role list', 'auth enable', 'endpoint hashkv', 'move-leader 1', 'check perf'],
  ])('refuses to %s, and nothing changes', async (command) => {
    const before = await caughtUp();
    const outcome = await etcdctl('admin', ...command.split(' '));
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr + outcome.stdout).toContain('permission denied');
    expect(await caughtUp()).toBe(before);
  });

  test('lets nobody in without a certificate that it knows', async () => {
    const [endpoints = '', timeout = '', cacert = ''] = files.get('peer') ?? [];
    const outcome = await new Promise<Outcome>((resolve) => {
      const args = [endpoints, timeout.replace('8s', '1s'), cacert, 'get', 'cilium/.heartbeat'];
      execFile('etcdctl', args, ENVIRONMENT, (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });
    expect(outcome.code).not.toBe(0);
    expect(outcome.stdout).toBe('');
  });
});

const ENVIRONMENT = { env: { ...process.env, ETCDCTL_API: '3' } };

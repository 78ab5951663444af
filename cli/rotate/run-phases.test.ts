// A rotation from the administrator's side, on a real folder, with API servers and an etcd that say what the test says: what stands
// in the way, that nothing is done while it does, and that each phase goes on once it no longer does.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AgentTrustEntry, PeerTrustEntry, TrustDocument } from '../../apiserver/bundles/trust-document.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { initCluster } from '../../pki/init.ts';
import { clusterLayout } from '../../pki/layout.ts';
import { readRotation } from '../../pki/rotate/rotation.ts';
import { spkiPins } from '../../pki/spki.ts';
import { systemClock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { type PhaseName, type RotateRequest, runPhases } from './run-phases.ts';

/** Others may keep the machine busy, and every leaf is a new key. */
vi.setConfig({ testTimeout: 30_000 });

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rotate-'));
  const addresses = { etcd: [], door: [], rpc: [] };
  await initCluster({ dir, cluster: 'west' as ClusterName, nodes: ['n1'], addresses, now: Date.now() });
  [east, agent, unreachable, etcdSays, told] = [{}, {}, false, undefined, []];
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** What the API server of west says of its peer east. */
let east: Partial<PeerTrustEntry>;
/** What it says of its agent n1. */
let agent: Partial<AgentTrustEntry>;
let unreachable: boolean;
let etcdSays: string | undefined;
let told: string[];

const fingerprint = (profile: 'door' | 'rpc' | 'peer' | 'etcd-client') =>
  digestOf(clusterLayout(dir).leaf(profile).cert);
const agentFingerprint = () => digestOf(clusterLayout(dir).agent('n1').cert);
const digestOf = async (path: string) => new X509Certificate(await readFile(path)).fingerprint256;
const authorities = async () =>
  certificatesOf(await readFile(clusterLayout(dir).authority.cert, 'utf8')).map(({ fingerprint256 }) => fingerprint256);

/** As an API server that has the folder's files, connected to a peer that has taken them, and to an agent that has them too. */
async function trust(): Promise<TrustDocument> {
  if (unreachable) throw new OperationalError({ code: 'API_UNREACHABLE', operation: 'ask', reason: 'refused' });
  const parts = { etcd: 'etcd-client', door: 'door', rpc: 'rpc' } as const;
  return {
    schema_version: 1,
    cluster: 'west',
    bundle: {
      sequence: 7,
      refresh_hint_seconds: 300,
      pins: spkiPins([await readFile(join(dir, 'ca/ca.pem'), 'utf8')]),
    },
    certificates: await Promise.all(
      Object.entries(parts).map(async ([part, profile]) => ({ part, fingerprint: await fingerprint(profile) })),
    ),
    peers: [
      {
        name: 'east',
        announced: { sequence: 3, pins: ['sha256/east'] },
        taken: 3,
        acknowledged: 7,
        current: true,
        shown: await fingerprint('peer'),
        refusal: null,
        ...east,
      },
    ],
    agents: [{ node: 'n1', certificate: await agentFingerprint(), authorities: await authorities(), ...agent }],
  };
}

const run = (phases: readonly PhaseName[], more: Partial<RotateRequest> = {}) =>
  runPhases(
    {
      ...{ dir, phases, servers: ['http://west'], etcd: ['127.0.0.1:2379'], etcdRestarted: false },
      ...{ force: false, dryRun: false, timeoutMs: 0 },
      ...more,
    },
    {
      ask: trust,
      untilEtcdTakes: async () => etcdSays,
      clock: systemClock,
      pause: async (ms) => void (await pause(ms / 10)),
      onProgress: (line) => void told.push(line),
    },
  );
const ALL = ['prepare', 'activate', 'retire'] as const;
const phase = async () => (await readRotation(dir)).phase;

describe('rotate-ca', () => {
  test('does all of it where nothing stands in the way', async () => {
    const before = await readFile(join(dir, 'ca/ca.pem'), 'utf8');
    const { phase, waiting, notAsked, steps } = await run(ALL);
    expect([phase, waiting, notAsked]).toEqual(['settled', [], []]);
    expect(steps.map(({ step }) => step.do)).toEqual([
      'create',
      'publish',
      'create',
      'move',
      ...Array(9).fill('reissue'),
      'publish',
      'remove',
    ]);
    expect(await readFile(join(dir, 'ca/ca.pem'), 'utf8')).not.toBe(before);
  });

  test.each<[string, () => void, RegExp]>([
    [
      'a peer has the bundle before',
      () => (east = { acknowledged: 6, current: false }),
      /east trusts bundle 6, and not yet 7/,
    ],
    ['a peer has taken none', () => (east = { acknowledged: null, current: false }), /east has not taken bundle 7/],
    [
      'a peer takes no bundles',
      () => (east = { acknowledged: null, announced: null, current: false }),
      /east takes no bundles.*by hand/,
    ],
    [
      'an agent accepts the old authority alone',
      () => (agent = { authorities: ['AB:CD'] }),
      /agent n1 does not accept what is in ca\/ca.pem/,
    ],
    ['etcd knows the old authority alone', () => (etcdSays = 'etcd: restart it'), /restart it/],
    ['an API server does not answer', () => (unreachable = true), /http:\/\/west was not asked: refused/],
  ])('does not have the next one sign while %s, unless it is forced', async (_, arrange, reason) => {
    arrange();
    const { waiting } = await run(ALL);
    expect(waiting).toEqual([expect.stringMatching(reason)]);
    expect(await phase()).toBe('prepared');
    const forced = await run(['activate'], { force: true });
    expect(forced).toMatchObject({ phase: 'activated', passedOver: [expect.stringMatching(reason)] });
  });

  test('does not have the next one sign before somebody says how etcd stands', async () => {
    expect((await run(ALL, { etcd: [] })).waiting).toEqual([expect.stringMatching(/--etcd-restarted/)]);
    expect(await run(ALL, { etcd: [], etcdRestarted: true })).toMatchObject({ phase: 'settled' });
  });

  test('does not retire the old one while what it has signed is shown', async () => {
    const old = await fingerprint('peer');
    await run(['prepare', 'activate']);
    east = { shown: old };
    const { waiting } = await run(['retire']);
    expect(waiting).toEqual([expect.stringMatching(/connection of http:\/\/west to east/)]);
    expect(await phase()).toBe('activated');
    east = {};
    expect(await run(['retire'])).toMatchObject({ phase: 'settled', waiting: [] });
  });

  test('does not retire the old one while an agent shows what it has signed', async () => {
    const old = await agentFingerprint();
    await run(['prepare', 'activate']);
    agent = { certificate: old };
    const { waiting } = await run(['retire']);
    expect(waiting).toEqual([expect.stringMatching(/agent n1 shows another certificate/)]);
    expect(await phase()).toBe('activated');
  });

  test('does not wait for an agent of before, which does not say what it has', async () => {
    agent = { certificate: null, authorities: null };
    expect(await run(ALL)).toMatchObject({
      ...{ phase: 'settled', waiting: [] },
      notAsked: [expect.stringMatching(/^1 of 1 agents do not say what they accept.*: n1: /)],
    });
  });

  test('counts and names agents that it could not ask, before and behind each phase, and does not wait for them', async () => {
    const addresses = { etcd: [], door: [], rpc: [] };
    const nodes = Array.from({ length: 7 }, (_, at) => `away-${at}`);
    await initCluster({ dir, cluster: 'west' as ClusterName, nodes, addresses, now: Date.now() });
    const notAsked = [
      expect.stringMatching(
        /^7 of 8 agents are not connected.*: away-0, away-1, away-2, away-3, away-4 and 2 more: copy/,
      ),
    ];
    expect(await run(ALL, { dryRun: true })).toMatchObject({ phase: 'settled', notAsked });
    expect(await run(ALL)).toMatchObject({ phase: 'settled', waiting: [], notAsked });
    unreachable = true;
    expect(await run(['prepare'])).toMatchObject({ phase: 'prepared', notAsked: [] });
  });

  test('waits, says once for what, and goes on when it is over', async () => {
    etcdSays = 'etcd: restart it';
    const running = run(ALL, { timeoutMs: 30_000 });
    await expect.poll(() => told, { timeout: 10_000 }).toContain('activate waits: etcd: restart it');
    etcdSays = undefined;
    expect(await running).toMatchObject({ phase: 'settled', waiting: [] });
    expect(told.filter((line) => line.includes('restart it'))).toHaveLength(1);
  });

  test('shows the next phase, and changes nothing', async () => {
    await run(['prepare']);
    etcdSays = 'etcd: restart it';
    const key = await readFile(clusterLayout(dir).authority.key, 'utf8');
    const shown = await run(ALL, { dryRun: true });
    expect(shown.waiting).toEqual(['etcd: restart it']);
    expect(shown.steps.map(({ step }) => step.do)).toEqual(['create', 'move', ...Array(9).fill('reissue')]);
    expect(await phase()).toBe('prepared');
    expect(await readFile(clusterLayout(dir).authority.key, 'utf8')).toBe(key);
  });
});

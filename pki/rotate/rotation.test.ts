// The phases of a rotation on a real folder: what each leaves, that each may be repeated, and that a crash at any step leaves a
// folder that serves, from which the same phase completes.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { DAY_MS } from '../authority.ts';
import { initCluster } from '../init.ts';
import { clusterLayout } from '../layout.ts';
import { readLeaf } from '../leaf-files.ts';
import { LeafFolder } from '../renew/leaf-folder.ts';
import { spkiPins } from '../spki.ts';
import { verifyChain } from '../trust/verify-chain.ts';
import { carryOut, type RotationFiles, rotationFiles } from './carry-out.ts';
import { nextAuthority } from './next-authority.ts';
import { type Rotation, readRotation } from './rotation.ts';
import { activateSteps, prepareSteps, retireSteps } from './steps.ts';

const now = Date.parse('2026-03-01T00:00:00Z');
const WEST = 'west' as ClusterName;

/** Others may keep the machine busy, and every leaf is a new key. */
vi.setConfig({ testTimeout: 30_000 });

let dir: string;
const caText = () => readFile(join(dir, 'ca', 'ca.pem'), 'utf8');
const pins = async () => spkiPins([await caText()]);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'rotation-'));
  const addresses = { etcd: [], door: [], rpc: ['rpc.west.example'] };
  await initCluster({ dir, cluster: WEST, nodes: ['n1'], addresses, now: now - DAY_MS, leafLifeMs: 30 * DAY_MS });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

type Phase = 'prepare' | 'activate' | 'retire';

async function stepsOf(phase: Phase, rotation: Rotation, force = false) {
  if (phase === 'prepare') return prepareSteps(rotation, await nextAuthority(rotation, { now }));
  return phase === 'activate' ? activateSteps(rotation) : retireSteps(rotation, { force });
}

async function run(phase: Phase, files: RotationFiles = rotationFiles(dir), leaves = new LeafFolder({ dir })) {
  const steps = await stepsOf(phase, await readRotation(dir));
  const outcomes = await carryOut(steps, { files, leaves, now });
  expect(outcomes.filter(({ failure }) => failure !== undefined)).toEqual([]);
  return steps.length;
}

/** Every leaf is one that whoever has ca.pem as it stands takes, and that its own key fits. */
async function serves(): Promise<void> {
  const store = [await caText()];
  for (const { place } of await new LeafFolder({ dir }).standing()) {
    const leaf = await readLeaf(place.paths);
    expect(leaf, place.paths.cert).toMatchObject({ ok: true });
    const chain = certificatesOf(await readFile(place.paths.cert, 'utf8'));
    const { problems } = verifyChain({ chain, store, purpose: 'any', now });
    expect(problems.filter(({ severity }) => severity !== 'warning').map(({ reason }) => reason)).toEqual([]);
  }
}

/** Which authority has signed, by the pin of its key. */
async function signers(): Promise<ReadonlySet<string>> {
  const authorities = certificatesOf(await caText());
  const leaves = await new LeafFolder({ dir }).standing();
  return new Set(
    leaves.map(({ certificate }) => {
      const signer = authorities.find((one) => certificate?.verify(one.publicKey) === true);
      return signer === undefined ? 'nobody' : (spkiPins([signer.toString()])[0] ?? '');
    }),
  );
}

describe('a rotation', () => {
  test('goes from the one authority to the other, with both in between', async () => {
    const [old] = await pins();
    expect((await readRotation(dir)).phase).toBe('settled');

    expect(await run('prepare')).toBe(2);
    const both = await pins();
    const [, next] = both;
    expect(both).toEqual([old, expect.stringMatching(/^sha256\//)]);
    expect(await readRotation(dir)).toMatchObject({ phase: 'prepared', retiring: [], behind: [] });
    expect([...(await signers())]).toEqual([old]);
    await serves();
    // Readers that find issuers by name have two names.
    expect(new Set(certificatesOf(await caText()).map(({ subject }) => subject)).size).toBe(2);

    const names = new X509Certificate(await readFile(join(dir, 'rpc', 'cert.pem'))).subjectAltName;
    expect(await run('activate')).toBe(2 + 9);
    expect(await readRotation(dir)).toMatchObject({ phase: 'activated', behind: [] });
    expect(await pins()).toEqual([old, next]);
    expect([...(await signers())]).toEqual([next]);
    expect(new X509Certificate(await readFile(join(dir, 'rpc', 'cert.pem'))).subjectAltName).toBe(names);
    await serves();

    expect(await run('retire')).toBe(2);
    expect(await readRotation(dir)).toMatchObject({ phase: 'settled', retiring: [], behind: [] });
    expect(await pins()).toEqual([next]);
    await serves();
    expect((await readdir(join(dir, 'ca'))).sort()).toEqual(['ca.pem', 'key.pem']);
  });

  test('does nothing where it has been done, and refuses what is out of order', async () => {
    await expect(run('activate')).rejects.toThrow(/ROTATE_PHASE.*--prepare/);
    expect(await run('retire')).toBe(0);
    await run('prepare');
    expect(await run('prepare')).toBe(0);
    await expect(run('retire')).rejects.toThrow(/ROTATE_PHASE.*--activate/);
    await run('activate');
    expect(await run('activate')).toBe(0);
    await expect(run('prepare')).rejects.toThrow(/ROTATE_PHASE.*--retire/);
    await run('retire');
    expect(await run('retire')).toBe(0);
  });

  test('keeps every key to its owner, in each phase', async () => {
    const layout = clusterLayout(dir);
    const modes = async (...paths: readonly string[]) =>
      Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o777).toString(8)));
    await run('prepare');
    expect(await modes(layout.authority.key, layout.rotation.nextKey, layout.authority.cert)).toEqual([
      ...['600', '600', '644'],
    ]);
    await run('activate');
    expect(await modes(layout.authority.key, layout.rotation.previousKey)).toEqual(['600', '600']);
  });

  test('waits for what the old authority has signed, unless it is forced', async () => {
    await run('prepare');
    // The leaves of a node cannot be issued: its folder is away.
    const failing = {
      renew: async () => ({ ok: false as const, error: { reason: 'the disk is full', hint: 'Make room.' } }),
    };
    const steps = await stepsOf('activate', await readRotation(dir));
    const outcomes = await carryOut(steps, { files: rotationFiles(dir), leaves: failing, now });
    expect(outcomes.filter(({ failure }) => failure !== undefined)).toHaveLength(9);
    await serves();
    const rotation = await readRotation(dir);
    expect(() => retireSteps(rotation, { force: false })).toThrow(/door, .*--activate/);
    expect(retireSteps(rotation, { force: true })).toHaveLength(2);
    expect(await run('activate')).toBe(9);
    expect(await run('retire')).toBe(2);
    await serves();
  });

  test('takes what is left of a rotation that broke off behind its last step but one', async () => {
    for (const phase of ['prepare', 'activate'] as const) await run(phase);
    const crashing = { ...rotationFiles(dir), remove: () => Promise.reject(new Error('crash')) };
    await expect(run('retire', crashing)).rejects.toThrow('crash');
    // Nobody has run it again: the next rotation takes care of the key that was left.
    expect(await readRotation(dir)).toMatchObject({ phase: 'settled', previousKey: expect.any(String) });
    for (const phase of ['prepare', 'activate', 'retire'] as const) await run(phase);
    await serves();
    expect((await readdir(join(dir, 'ca'))).sort()).toEqual(['ca.pem', 'key.pem']);
  });
});

/** Ends at the `at`-th step, before or behind what it does. */
function crashingAt(at: number, when: 'before' | 'behind') {
  let done = 0;
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    const crash = done++ === at;
    if (crash && when === 'before') throw new Error('crash');
    const result = await act();
    if (crash) throw new Error('crash');
    return result;
  };
  const real = rotationFiles(dir);
  const files: RotationFiles = {
    createPrivate: (...args) => step(() => real.createPrivate(...args)),
    writePublic: (...args) => step(() => real.writePublic(...args)),
    move: (...args) => step(() => real.move(...args)),
    remove: (...args) => step(() => real.remove(...args)),
  };
  const folder = new LeafFolder({ dir });
  const leaves = Object.assign(new LeafFolder({ dir }), {
    renew: (...args: Parameters<LeafFolder['renew']>) => step(() => folder.renew(...args)),
  });
  return { files, leaves };
}

describe('a crash', () => {
  const PHASES: readonly (readonly [Phase, number])[] = [
    ['prepare', 2],
    ['activate', 9],
    ['retire', 2],
  ];
  const cases = PHASES.flatMap(([phase, steps]) =>
    Array.from({ length: steps }, (_, at) => [[phase, at, 'before'] as const, [phase, at, 'behind'] as const]).flat(),
  );

  test.each(cases)('in %s at step %i, %s it: the folder serves, and the phase completes', async (phase, at, when) => {
    const order = PHASES.map(([name]) => name);
    for (const earlier of order.slice(0, order.indexOf(phase))) await run(earlier);
    const { files, leaves } = crashingAt(at, when);
    await expect(run(phase, files, leaves)).rejects.toThrow('crash');
    await serves();
    await run(phase);
    await serves();
    for (const later of order.slice(order.indexOf(phase) + 1)) await run(later);
    await serves();
    expect(await readRotation(dir)).toMatchObject({ phase: 'settled', retiring: [], behind: [] });
    expect((await readdir(join(dir, 'ca'))).sort()).toEqual(['ca.pem', 'key.pem']);
    expect(await pins()).toHaveLength(1);
  });
});

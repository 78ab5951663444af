// The commands on a cluster's folder of certificates: what they write, print and exit with.

import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { DAY_MS } from '../pki/authority.ts';
import { initCluster } from '../pki/init.ts';
import { LeafFolder } from '../pki/renew/leaf-folder.ts';
import { whileRenewing } from '../pki/renew/presence.ts';
import { systemClock } from '../runtime/clock.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { seededRandom } from '../runtime/random.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { trustCommand } from './trust.ts';
import { watchLeaves } from './trust-renew-watch.ts';

let dir: string;
const printed = keepPrinted();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-renew-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const asked = (bornDaysAgo: number) => ({
  dir,
  cluster: 'west' as ClusterName,
  nodes: ['n1'],
  addresses: { etcd: ['etcd.west'], door: ['10.1.0.1', 'fd00::1', 'door.example.org'], rpc: [] },
  now: Date.now() - bornDaysAgo * DAY_MS,
  leafLifeMs: 90 * DAY_MS,
});
const init = (bornDaysAgo: number) => initCluster(asked(bornDaysAgo));

async function trust(command: string, ...more: readonly string[]) {
  process.exitCode = 0;
  await trustCommand().parseAsync([command, '--dir', dir, ...more], { from: 'user' });
  return { exit: process.exitCode, printed: printed.take() };
}

const leafAt = async (place: string) => new X509Certificate(await readFile(join(dir, place, 'cert.pem')));
const keyAt = (place: string) => readFile(join(dir, place, 'key.pem'), 'utf8');

describe('clustermesh trust renew', () => {
  test('issues what is due anew, with the names and the life it had, and changes nothing the next time', async () => {
    await init(61);
    const before = await leafAt('door');
    const key = await keyAt('door');
    expect((await trust('renew', '--dry-run')).printed).toMatch(/door +\S+ +would renew/);
    expect(await keyAt('door')).toBe(key);

    const { exit, printed: text } = await trust('renew', '-o', 'json');
    expect(exit).toBe(0);
    expect(JSON.parse(text).leaves).toHaveLength(9);
    const after = await leafAt('door');
    expect([after.subject, after.subjectAltName]).toEqual([before.subject, before.subjectAltName]);
    expect(Date.parse(after.validTo)).toBeGreaterThan(Date.now() + 89 * DAY_MS);
    expect(await keyAt('door')).not.toBe(key);

    expect((await trust('renew')).printed).not.toContain('renewed');
    expect((await trust('renew', '--all')).printed).not.toContain('kept');
  });

  test('issues for the life that the folder keeps, when that is another than before', async () => {
    await init(61);
    await initCluster({ ...asked(0), now: Date.now() - 61 * DAY_MS, leafLifeMs: DAY_MS });
    expect((await trust('renew')).printed).toMatch(/door +\S+ +renewed/);
    expect(Date.parse((await leafAt('door')).validTo)).toBeLessThan(Date.now() + DAY_MS);
    await trust('renew', '--all', '--leaf-life', '2h');
    expect(Date.parse((await leafAt('door')).validTo)).toBeLessThan(Date.now() + 2.1 * (DAY_MS / 24));
  });

  test('keeps the last pair when a renewal fails, and says which, why and what to do', async () => {
    await init(61);
    const before = [(await leafAt('door')).fingerprint256, await keyAt('door')];
    await writeFile(join(dir, 'ca', 'key.pem'), 'not a key');
    const { exit, printed: text } = await trust('renew');
    expect(exit).toBe(1);
    expect(text).toMatch(
      /door\/cert\.pem: not renewed: .*ca\.pem: the key file holds no private key.*\n {2}fix: Restore/,
    );
    expect([(await leafAt('door')).fingerprint256, await keyAt('door')]).toEqual(before);
  });

  test('says that nothing could be renewed before anything is due', async () => {
    await init(0);
    expect((await trust('renew')).exit).toBe(0);
    await writeFile(join(dir, 'ca', 'key.pem'), '');
    const { exit, printed: text } = await trust('renew');
    expect([exit, text]).toEqual([1, expect.stringMatching(/nothing can be renewed: .*holds no private key/)]);
    const { obstacle } = JSON.parse((await trust('renew', '-o', 'json')).printed);
    expect(obstacle).toEqual({ reason: expect.stringMatching(/ca\.pem: .*private key/), remedy: expect.any(String) });
  });

  test('heals what a crash between key and certificate has left', async () => {
    await init(1);
    await writeFile(join(dir, 'rpc', 'key.pem'), await keyAt('admin'));
    expect((await trust('renew')).printed).toMatch(/rpc +\S+ +renewed/);
    expect((await trust('renew')).printed).not.toContain('renewed');
  });

  test('refuses a folder that is no cluster of ours', async () => {
    await expect(trust('renew')).rejects.toMatchObject({ code: 'PKI_CLUSTER_RECORD' });
  });
});

describe('clustermesh trust renew --watch', () => {
  /** Nine pairs of keys are made; others may keep the machine busy. */
  const PATIENCE = { timeout: 20_000 };
  test('says each thing once, renews what is due, and ends when it is told to', async () => {
    await init(66);
    const key = await readFile(join(dir, 'ca', 'key.pem'), 'utf8');
    await writeFile(join(dir, 'ca', 'key.pem'), 'not a key');
    const events: { readonly event: string; readonly for?: string; readonly remedy?: string }[] = [];
    const stop = new AbortController();
    const write = (line: string) => void events.push(JSON.parse(line));
    const clock = new ManualClock(Date.now());
    const options = {
      dir,
      leaves: new LeafFolder({ dir }),
      output: 'json',
      write,
      clock,
      random: seededRandom(1),
    } as const;
    const watching = watchLeaves(options, stop.signal);
    await vi.waitFor(() => expect(events.at(-1)?.event).toBe('watching'), PATIENCE);
    expect(events.map(({ event }) => event)).toEqual(['obstructed', ...Array(9).fill('failed'), 'watching']);
    expect(events[0]?.remedy).toMatch(/^Restore both files/);

    await writeFile(join(dir, 'ca', 'key.pem'), key);
    await vi.waitFor(() => {
      clock.advance(60_000);
      expect(events.filter(({ event }) => event === 'renewed')).toHaveLength(9);
    }, PATIENCE);
    expect(events.filter(({ event }) => event === 'unobstructed')).toHaveLength(1);
    stop.abort();
    await watching;
    expect((await trust('renew')).printed).not.toContain('renewed');
  }, 45_000);
});

describe('clustermesh trust status', () => {
  const status = async () => {
    const { exit, printed: text } = await trust('status', '-o', 'json');
    const { leaves, authorities } = JSON.parse(text) as Record<string, readonly { for: string; state: string }[]>;
    const states = (rows: typeof leaves) => Object.fromEntries((rows ?? []).map((row) => [row.for, row.state]));
    return { exit, leaves: states(leaves), authorities: states(authorities), text };
  };

  test.each<[string, number, string, number]>([
    ['good', 1, 'ok', 0],
    ['to be renewed', 61, 'due', 0],
    ['late', 76, 'overdue', 1],
    ['over', 91, 'expired', 1],
  ])('certificates are %s after %i days', async (_, days, state, exit) => {
    await init(days);
    expect(await status()).toMatchObject({
      exit,
      leaves: { door: state, 'agent n1': state },
      authorities: { own: 'ok' },
    });
  });

  test('certificates that are valid only from tomorrow tell of a clock, and are not issued anew', async () => {
    await init(-1);
    expect(await status()).toMatchObject({
      exit: 1,
      leaves: { door: 'early', 'agent n1': 'early' },
      authorities: { own: 'early' },
    });
    expect((await trust('status')).printed).toMatch(
      /door\/cert\.pem: early\n {2}fix: set the clock of this machine right/,
    );
    const door = await readFile(join(dir, 'door', 'cert.pem'), 'utf8');
    await trust('renew');
    expect(await readFile(join(dir, 'door', 'cert.pem'), 'utf8')).toBe(door);
  });

  test('says whether a renewer runs on this machine, where the authority is', async () => {
    await init(1);
    expect((await trust('status')).printed).toContain(
      `no renewer runs on this machine: clustermesh trust renew --watch`,
    );
    await whileRenewing(dir, systemClock, async () => {
      expect((await trust('status')).printed).toContain('a renewer runs on this machine');
    });
    await rm(join(dir, 'ca', 'key.pem'));
    expect(JSON.parse((await trust('status', '-o', 'json')).printed).renewer).toBeNull();
  });

  test('tells of an authority that ends, in time to replace it, and says how', async () => {
    // Authorities live ten years.
    await init(3_600);
    const late = await trust('status');
    expect([late.exit, late.printed]).toEqual([1, expect.stringMatching(/^own +overdue/m)]);
    expect(late.printed).toMatch(/ca\.pem: overdue\n {2}fix: replace it before it ends: clustermesh trust rotate-ca/);
    await rm(dir, { recursive: true });
    await init(3_660);
    expect((await trust('status')).printed).toMatch(
      /ca\.pem: expired\n {2}fix: check the clock; clustermesh trust rotate-ca .* --force/,
    );
    await expect(init(0)).rejects.toMatchObject({
      code: 'PKI_AUTHORITY',
      hint: expect.stringMatching(/rotate-ca --force/),
    });
  });

  test('calls an authority broken whose key is there and signs nothing, and not one whose key is kept elsewhere', async () => {
    await init(0);
    await writeFile(join(dir, 'ca', 'key.pem'), '');
    const { exit, printed: text } = await trust('status');
    expect([exit, text]).toEqual([1, expect.stringMatching(/key\.pem signs nothing: .*holds no private key/)]);
    expect(text).toMatch(/^own +broken/m);
    await rm(join(dir, 'ca', 'key.pem'));
    expect((await trust('status')).exit).toBe(0);
  });

  test('names a pair that does not fit, a leaf of another authority, and a store that cannot be read', async () => {
    await init(1);
    await writeFile(join(dir, 'rpc', 'key.pem'), await keyAt('admin'));
    await mkdir(join(dir, 'trust', 'east'), { recursive: true });
    await writeFile(join(dir, 'trust', 'east', 'ca.pem'), 'nothing');
    const door = await readFile(join(dir, 'door', 'cert.pem'));
    const [key, other] = [await keyAt('door'), await mkdtemp(join(tmpdir(), 'cli-other-'))];
    try {
      await initCluster({ ...asked(1), dir: other });
      await writeFile(join(dir, 'ca', 'ca.pem'), await readFile(join(other, 'ca', 'ca.pem')));
    } finally {
      await rm(other, { recursive: true, force: true });
    }
    const { exit, leaves, authorities, text } = await status();
    expect(exit).toBe(1);
    expect(authorities).toEqual({ own: 'broken', east: 'broken' });
    expect(leaves).toMatchObject({ rpc: 'broken', door: 'broken' });
    expect(text).toContain('issued by another authority');
    const { printed: page } = await trust('status');
    expect(page).toMatch(
      /rpc\/cert\.pem: certificate and key do not belong together\n {2}fix: clustermesh trust renew --dir \//,
    );
    expect(page).toMatch(/east +broken/);
    expect(page).not.toContain('\u001b');
    expect(await readFile(join(dir, 'door', 'cert.pem'))).toEqual(door);
    expect(await keyAt('door')).toBe(key);
  });
});

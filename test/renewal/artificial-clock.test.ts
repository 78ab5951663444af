// Renewal over days of an artificial clock, with real files and real certificates: when leaves are renewed, that at no moment a place
// holds a pair that does not serve, and what happens when the authority cannot sign for a while.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DAY_MS } from '../../pki/authority.ts';
import { renewalOf } from '../../pki/leaf-files.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import { SPREAD_SHARE } from '../../pki/renew/schedule.ts';
import { leafState } from '../../pki/renew/standing.ts';
import { verifyChain } from '../../pki/trust/verify-chain.ts';
import { SimulatedDays } from './simulated-days.ts';

const HOUR_MS = DAY_MS / 24;
let dir: string;
let days: SimulatedDays;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'renewal-'));
  days = new SimulatedDays(dir);
});
afterEach(async () => {
  await days.stop();
  await rm(dir, { recursive: true, force: true });
});

const standing = () => new LeafFolder({ dir }).standing();
const seeds = () => Math.floor(Math.random() * 2 ** 32);

/** What is wrong with the pairs in the folder at this moment of the artificial clock. */
async function flaws(): Promise<readonly string[]> {
  const store = [await readFile(days.layout.authority.cert, 'utf8')];
  const now = days.clock.now();
  return (await standing()).flatMap(({ place, certificate, flaw }) => {
    if (certificate === undefined || flaw !== undefined) return [`${place.paths.cert}: ${flaw}`];
    const { usable, problems } = verifyChain({ chain: [certificate], store, purpose: 'any', now });
    return usable && problems.length === 0 ? [] : problems.map(({ reason }) => reason);
  });
}

/** Throws where a place holds a pair that does not serve; looks after each change, and every simulated hour. */
function watchful(seed: number): () => Promise<void> {
  let lookedAt = 0;
  return async () => {
    const now = days.clock.now();
    const changed = days.reports.at(-1)?.entries.some(({ action }) => action !== 'kept') === true;
    if (!changed && now - lookedAt < HOUR_MS) return;
    lookedAt = now;
    expect(await flaws(), `seed ${seed}`).toEqual([]);
  };
}

/** Of each renewal, the share of the life that the leaf before had used up. */
function sharesUsed(): readonly number[] {
  const before = new Map<string, { readonly dueAt: number; readonly lifeMs: number }>();
  const shares: number[] = [];
  for (const { at, entries } of days.reports) {
    for (const { leaf, action } of entries) {
      if (leaf.certificate === undefined) continue;
      const known = before.get(leaf.place.paths.cert);
      if (action === 'renewed' && known !== undefined) shares.push(2 / 3 + (at - known.dueAt) / known.lifeMs);
      before.set(leaf.place.paths.cert, renewalOf(leaf.certificate));
    }
  }
  return shares;
}

/** A simulated day is about 150 looks at the folder: a second, or several on a busy machine. */
const TIMEOUT_MS = 120_000;

describe('a renewer over days', { timeout: TIMEOUT_MS }, () => {
  test('renews each leaf between two thirds of its life and a twentieth later, and never leaves a place without a good pair', async () => {
    const seed = seeds();
    await days.init();
    days.renewer(seed);
    await days.pass(3 * DAY_MS, watchful(seed));
    const shares = sharesUsed();
    expect(shares.length, `seed ${seed}`).toBe(8 * Math.floor(shares.length / 8));
    expect(shares.length / 8, `seed ${seed}`).toBeGreaterThanOrEqual(4);
    expect(Math.min(...shares), `seed ${seed}`).toBeGreaterThanOrEqual(2 / 3 - 1e-9);
    expect(Math.max(...shares), `seed ${seed}`).toBeLessThan(2 / 3 + SPREAD_SHARE + 1e-6);
    expect(new Set(shares.map((share) => share.toFixed(4))).size, `seed ${seed}`).toBeGreaterThan(2);
  });

  test('two renewers on one folder do not renew twice, and leave no pair that does not fit', async () => {
    const seed = seeds();
    await days.init();
    days.renewer(seed);
    days.renewer(seed);
    await days.pass(DAY_MS, watchful(seed));
    const issued = days.reports.flatMap(({ entries }) =>
      entries.filter(({ action }) => action === 'renewed').map(({ leaf }) => leaf.certificate?.fingerprint256),
    );
    const lives = new Set(issued).size / 8;
    expect(lives, `seed ${seed}`).toBe(1);
  });

  test('an authority that cannot sign is named before anything is due, costs no pair, and is recovered from at once', async () => {
    const seed = seeds();
    await days.init();
    days.renewer(seed);
    await days.pass(HOUR_MS);
    const key = await readFile(days.layout.authority.key, 'utf8');
    await writeFile(days.layout.authority.key, 'not a key');
    const before = await standing();
    await days.pass(HOUR_MS);
    expect(days.reports.at(-1)?.obstacle?.reason, `seed ${seed}`).toContain('holds no private key');
    expect(days.reports.at(-1)?.entries.map(({ action }) => action)).not.toContain('failed');

    await days.pass(19 * HOUR_MS);
    const now = days.clock.now();
    const late = await standing();
    expect(late.map((leaf) => leafState(leaf, now))).toEqual(late.map(() => 'overdue'));
    expect(late.map(({ certificate }) => certificate?.fingerprint256)).toEqual(
      before.map(({ certificate }) => certificate?.fingerprint256),
    );
    expect(days.reports.at(-1)?.entries.every(({ action }) => action === 'failed')).toBe(true);

    await writeFile(days.layout.authority.key, key);
    await days.pass(HOUR_MS / 20);
    expect(await flaws(), `seed ${seed}`).toEqual([]);
    expect(days.reports.at(-1)?.obstacle).toBeUndefined();
    const renewed = await standing();
    expect(renewed.map((leaf) => leafState(leaf, days.clock.now()))).toEqual(renewed.map(() => 'ok'));
  });

  test('a leaf that appears, or breaks, while it runs is looked after like the others', async () => {
    await days.init();
    days.renewer(1);
    await days.pass(HOUR_MS);
    await writeFile(days.layout.leaf('rpc').key, await readFile(days.layout.leaf('door').key, 'utf8'));
    await days.pass(HOUR_MS / 6);
    expect(await flaws()).toEqual([]);
  });
});

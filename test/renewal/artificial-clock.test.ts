// Renewal over days of an artificial clock, with real files and real certificates: when leaves are renewed, that at no moment a place
// holds a pair that does not serve, and what happens when the authority cannot sign for a while.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OwnLeaves } from '../../apiserver/own-leaves.ts';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import { DAY_MS } from '../../pki/authority.ts';
import { renewalOf } from '../../pki/leaf-files.ts';
import { LeafFolder } from '../../pki/renew/leaf-folder.ts';
import { SPREAD_SHARE } from '../../pki/renew/schedule.ts';
import { leafState } from '../../pki/renew/standing.ts';
import { verifyChain } from '../../pki/trust/verify-chain.ts';
import { echoes, FollowedDoor } from './followed-door.ts';
import { CLUSTER, SimulatedDays } from './simulated-days.ts';

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

/** One of each profile, and the agents'. */
const LEAVES = 10;
/** A simulated day is about 150 looks at the folder: a second, or several on a busy machine. */
const TIMEOUT_MS = 120_000;

describe('a renewer over days', { timeout: TIMEOUT_MS }, () => {
  test('renews each leaf between two thirds of its life and a twentieth later, and never leaves a place without a good pair', async () => {
    const seed = seeds();
    await days.init();
    days.renewer(seed);
    await days.pass(3 * DAY_MS, watchful(seed));
    const shares = sharesUsed();
    expect(shares.length, `seed ${seed}`).toBe(LEAVES * Math.floor(shares.length / LEAVES));
    expect(shares.length / LEAVES, `seed ${seed}`).toBeGreaterThanOrEqual(4);
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
    const lives = new Set(issued).size / LEAVES;
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

describe('a door and its clients whose leaves are renewed', { timeout: TIMEOUT_MS }, () => {
  let door: FollowedDoor;
  let own: OwnLeaves;
  const sockets: TLSSocket[] = [];
  beforeEach(async () => {
    await days.init();
    door = await FollowedDoor.open(days.layout, days.clock);
    const trust = () => ({ local: CLUSTER, store: door.store, storePath: days.layout.authority.cert });
    own = new OwnLeaves({ leaves: () => door.leaves, trust, clock: days.clock });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
    door.close();
  });

  const findings = () => own.assess(UNKNOWN).findings;
  /** Takes over what is on disk at each wake, and connects anew after each change and every simulated hour. */
  const connecting = (seen: string[]) => {
    let lookedAt = 0;
    return async () => {
      const before = door.leaves.map(({ certificate }) => certificate).join();
      await door.look();
      const changed = before !== door.leaves.map(({ certificate }) => certificate).join();
      if (!changed && days.clock.now() - lookedAt < HOUR_MS) return;
      lookedAt = days.clock.now();
      const { socket, refusals } = await door.connect();
      socket.destroy();
      seen.push(...refusals);
    };
  };

  test('connect at every moment of two days, and a stream that is as old as the first leaf goes on', async () => {
    const seed = seeds();
    const { socket } = await door.connect();
    sockets.push(socket);
    const first = door.leaves.map(({ certificate }) => certificate);
    days.renewer(seed);
    const refused: string[] = [];
    await days.pass(2 * DAY_MS, connecting(refused));
    expect(refused, `seed ${seed}`).toEqual([]);
    expect(findings(), `seed ${seed}`).toEqual([]);
    expect(own.assess(UNKNOWN).checks.map(({ status, reason }) => [status, reason])).toEqual([
      ['passed', '2 own certificates'],
      ['passed', '2 own certificates'],
      ['skipped', ''],
    ]);
    for (const [index, { certificate }] of door.leaves.entries()) expect(certificate).not.toBe(first[index]);
    for (const end of own.ends.values()) expect(end).toBeGreaterThan(days.clock.now() + 6 * HOUR_MS);
    expect(await echoes(socket, 'still here')).toBe(true);
  });

  test('are a finding long before they expire when nothing can sign, keep what they have, and recover', async () => {
    const seed = seeds();
    const key = await readFile(days.layout.authority.key, 'utf8');
    await writeFile(days.layout.authority.key, 'not a key');
    days.renewer(seed);
    const refused: string[] = [];
    await days.pass(19 * HOUR_MS, connecting(refused));
    expect(findings()).toEqual([]);
    await days.pass(HOUR_MS, connecting(refused));
    const early = findings();
    expect(early.map(({ code, severity, evidence }) => [code, severity, evidence.used_for])).toEqual([
      ['CM-TRUST-005', 'warning', 'door'],
      ['CM-TRUST-005', 'warning', 'peer'],
    ]);
    expect(early[0]?.remediation).toMatch(
      /^Run clustermesh trust renew where the authority is kept, copy .*door\/cert\.pem/,
    );
    expect(own.assess(UNKNOWN).checks[1]).toMatchObject({ status: 'failed', reason: '2 own certificates' });
    expect(refused, `seed ${seed}`).toEqual([]);

    await days.pass(5 * HOUR_MS, connecting(refused));
    const late = findings();
    expect(late.map(({ code, severity }) => [code, severity])).toEqual(Array(2).fill(['CM-TRUST-004', 'error']));
    expect(late[0]?.remediation).toMatch(/^Repair .*door\/cert\.pem, which is not taken over: the certificate expired/);
    expect(refused.length, 'an expired leaf is shown, as there is no other').toBeGreaterThan(0);

    await writeFile(days.layout.authority.key, key);
    refused.splice(0);
    await days.pass(HOUR_MS / 6, () => door.look());
    await days.pass(HOUR_MS, connecting(refused));
    expect(refused, `seed ${seed}`).toEqual([]);
    expect(findings()).toEqual([]);
  });
});

/** Trust of which nothing is known but what the own leaves say. */
const UNKNOWN: Assessment = {
  findings: [],
  omitted: [],
  checks: ['CM-TRUST-004', 'CM-TRUST-005', 'CM-TRUST-006'].map((code) => ({
    code,
    title: '',
    category: 'trust',
    status: 'skipped',
    reason: '',
  })),
};

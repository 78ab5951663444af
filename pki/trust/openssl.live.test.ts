// The verdict of path verification against that of OpenSSL over a generated corpus. Needs the `openssl` command, version 3.
// A failing chain is printed with its seed and kept in a folder, with the command that shows what OpenSSL says.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../runtime/random.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { CHANGE_COUNT, type SampleChain, sampleChain } from '../../test/samples/chains.ts';
import { verifyChain } from './verify-chain.ts';

const SEED = Number(process.env.TRUST_SEED ?? 20260301);
/** Each change alone, with one other twice, and with two others. */
const CHAINS = 4 * CHANGE_COUNT;

const PURPOSES = { door: 'sslserver', peer: 'sslclient', any: 'any' } as const;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trust-openssl-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

function run(args: readonly string[]): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve, reject) => {
    execFile('openssl', args, (error, stdout, stderr) => {
      if (error !== null && error.code === 'ENOENT') reject(new Error('the openssl command is missing'));
      else resolve({ ok: error === null, output: `${stdout}${stderr}` });
    });
  });
}

async function openssl(sample: SampleChain, store: readonly string[], untrusted: readonly string[]) {
  const [leaf = ''] = sample.presented;
  const files = { leaf: join(dir, 'leaf.pem'), store: join(dir, 'store.pem'), untrusted: join(dir, 'untrusted.pem') };
  await writeFile(files.leaf, leaf);
  await writeFile(files.store, store.join(''));
  await writeFile(files.untrusted, untrusted.join(''));
  return run([
    'verify',
    ...['-no-CApath', '-no-CAstore', '-CAfile', files.store],
    ...(untrusted.length === 0 ? [] : ['-untrusted', files.untrusted]),
    ...['-purpose', PURPOSES[sample.purpose], '-attime', String(Math.floor(sample.now / 1000))],
    files.leaf,
  ]);
}

/** OpenSSL takes the first certificate that fits by name and identifier; ours tries each. */
async function inSomeOrder(
  sample: SampleChain,
): Promise<{ readonly ok: boolean; readonly first: boolean; readonly output: string }> {
  const [, ...untrusted] = sample.presented;
  const first = await openssl(sample, sample.store, untrusted);
  if (first.ok) return { ...first, first: true };
  for (const store of orders(sample.store)) {
    for (const others of orders(untrusted)) {
      const outcome = await openssl(sample, store, others);
      if (outcome.ok) return { ...outcome, first: false };
    }
  }
  return { ...first, first: true };
}

/** As given, backwards, and each one in front. */
function orders(list: readonly string[]): readonly (readonly string[])[] {
  const all = [list, [...list].reverse(), ...list.map((one, index) => [one, ...list.filter((_, at) => at !== index)])];
  return [...new Map(all.map((order) => [order.join(''), order])).values()];
}

describe('path verification', () => {
  test(`agrees with OpenSSL over ${CHAINS} chains of seed ${SEED}`, { timeout: 300_000 }, async () => {
    const random = seededRandom(SEED);
    const verdicts = { usable: 0, refused: 0, orders: 0 };
    const disagreements: string[] = [];
    for (let index = 0; index < CHAINS; index += 1) {
      const sample = await sampleChain(index, random);
      const chain = sample.presented.flatMap(certificatesOf);
      const ours = verifyChain({ chain, store: sample.store, purpose: sample.purpose, now: sample.now });
      const theirs = await inSomeOrder(sample);
      if (ours.usable !== theirs.ok) {
        const why = ours.problems.map(({ code, reason }) => `${code} ${reason}`).join(' | ');
        disagreements.push(`${index} ${sample.title}: ours ${ours.usable} ${why}; OpenSSL: ${theirs.output}`);
      }
      verdicts[ours.usable ? 'usable' : 'refused'] += 1;
      if (!theirs.first) verdicts.orders += 1;
      // Who refuses says why, with a code.
      if (!ours.usable) expect(ours.problems[0]?.code).toMatch(/^CM-TRUST-00[1-8]$/);
    }
    expect(disagreements).toEqual([]);
    expect(verdicts.usable).toBeGreaterThan(CHAINS / 4);
    expect(verdicts.refused).toBeGreaterThan(CHAINS / 4);
    expect(verdicts.orders).toBeLessThan(CHAINS / 20);
  });
});

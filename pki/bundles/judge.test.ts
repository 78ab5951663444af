// What becomes of a bundle that a peer announces: taken only where it shares a key with what is trusted, is newer than what was
// taken, and is usable as a whole. Everything else leaves the store as it is.

import { describe, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { createAuthority } from '../authority.ts';
import { issue } from '../issue.ts';
import { spkiPins } from '../spki.ts';
import { anchorsIn, sameAnchors } from './anchors.ts';
import { holdsBundle, judgeBundle } from './judge.ts';
import { keptSequence, keptStoreText } from './kept-store.ts';
import { ownBundle } from './own-bundle.ts';

const west = 'west' as ClusterName;
const now = Date.parse('2026-03-01T00:00:00Z');
const DAY = 86_400_000;
const made = async (days = 30, at = now) => (await createAuthority({ cluster: west, now: at, days })).certificate;
const [old, next, stranger, expired] = [await made(), await made(), await made(), await made(1, now - 10 * DAY)];
const authority = await createAuthority({ cluster: west, now, days: 30 });
const leaf = (await issue({ authority, profile: 'door', now, ttlMs: DAY })).certificate;

const bundleOf = (sequence: number, ...anchors: readonly string[]): TrustBundle => ({
  cluster: 'west',
  sequence,
  refreshHintSeconds: 300,
  anchors,
  taken: {},
});
const judge = (kept: string, bundle: TrustBundle) => judgeBundle({ peer: west, bundle, kept, now });
/** As a bundle leaves it. */
const keptOf = (sequence: number, ...anchors: readonly string[]) =>
  keptStoreText({ cluster: 'west', sequence, anchors });

describe('a bundle of a peer', () => {
  test('is taken along a whole rotation: old, both, new', () => {
    const both = judge(old, bundleOf(5, old, next));
    expect(both).toEqual({ outcome: 'taken', store: keptOf(5, old, next) });
    const after = judge(keptOf(5, old, next), bundleOf(6, next));
    expect(after).toEqual({ outcome: 'taken', store: keptOf(6, next) });
    expect(judge(keptOf(6, next), bundleOf(6, next))).toEqual({ outcome: 'held' });
    expect(anchorsIn(keptOf(5, old, next))).toEqual([old, next]);
    expect(keptSequence(keptOf(5, old, next))).toBe(5);
  });

  test('that says what a join has written already is taken once, for its sequence', () => {
    expect(judge(old, bundleOf(5, old))).toEqual({ outcome: 'taken', store: keptOf(5, old) });
    expect(keptSequence(old)).toBe(0);
  });

  test('without a key that is trusted is a replacement: the last good trust stays', () => {
    expect(judge(keptOf(5, old), bundleOf(6, stranger))).toEqual({
      outcome: 'repinned',
      kept: spkiPins([old]),
      shown: spkiPins([stranger]),
    });
  });

  test.each<[string, string, TrustBundle, RegExp]>([
    ['older than what was taken', keptOf(7, old, next), bundleOf(6, old), /sequence 6 is older than 7/],
    ['another with the same sequence', keptOf(7, old), bundleOf(7, old, next), /two bundles have the sequence 7/],
    ['of another cluster', keptOf(5, old), { ...bundleOf(6, old), cluster: 'east' }, /bundle of east/],
    ['with a leaf', keptOf(5, old), bundleOf(6, old, leaf), /not the certificate of an authority/],
    ['of what has expired', keptOf(5, old), bundleOf(6, expired), /none of its authorities is valid/],
    ['that is no certificate', keptOf(5, old), bundleOf(6, old.replace('MII', 'AAA')), /cannot be read/],
    ['where the store cannot be read', 'gone', bundleOf(6, old), /the trust store/],
  ])('is refused when it is one %s', (_, kept, bundle, reason) => {
    expect(judge(kept, bundle)).toEqual({ outcome: 'refused', reason: expect.stringMatching(reason) });
  });

  test('is in a store that is kept by hand where that says the same, in any order', () => {
    expect(holdsBundle([next, old], bundleOf(6, old, next))).toBe(true);
    expect(holdsBundle([next + old], bundleOf(6, old, next))).toBe(true);
    expect(holdsBundle([old], bundleOf(6, old, next))).toBe(false);
    expect(holdsBundle([old, next], bundleOf(6, next))).toBe(false);
  });
});

describe('the own bundle', () => {
  const own = (before: TrustBundle | undefined, at: number, ...anchors: readonly string[]) =>
    ownBundle({ cluster: west, anchors, before, taken: { east: 3 }, now: at });

  test('has a sequence that grows with the anchors alone, and is never behind the clock', () => {
    const first = own(undefined, now, old);
    expect(first).toEqual({ ...bundleOf(now, old), taken: { east: 3 } });
    expect(own(first, now + DAY, old).sequence).toBe(first.sequence);
    const both = own(first, now, old, next);
    expect(both.sequence).toBe(first.sequence + 1);
    // A clock that was set back does not take a sequence back.
    expect(own(both, now - 10 * DAY, next).sequence).toBe(both.sequence + 1);
    // An etcd that was wiped knows nothing of before.
    expect(own(undefined, now + DAY, next).sequence).toBeGreaterThan(both.sequence + 1);
  });

  test('is the same when only the order in the file is another', () => {
    const both = own(undefined, now, old, next);
    expect(own(both, now, next, old)).toEqual(both);
    expect(sameAnchors([old, next], [next, old])).toBe(true);
  });
});

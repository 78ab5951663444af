import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ClusterName } from '../model/names.ts';
import { bundleKey, decodeTrustBundle, encodeTrustBundle, type TrustBundle, takenOf } from './trust-bundle.ts';

const anchor = (base64: string) => `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
const bundle: TrustBundle = {
  cluster: 'west',
  sequence: 1_764_000_000,
  refreshHintSeconds: 300,
  anchors: [anchor('MIIB'), anchor('MIIC')],
  taken: { east: 7, north: 1 },
};
const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));

describe('a trust bundle', () => {
  test('has these bytes under this key', () => {
    expect(bundleKey('west' as ClusterName)).toBe('clustermesh/v1/bundles/west');
    expect(Buffer.from(encodeTrustBundle(bundle)).toString()).toBe(
      '{"cluster":"west","sequence":1764000000,"refreshHintSeconds":300,"anchors":' +
        '["-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n","-----BEGIN CERTIFICATE-----\\nMIIC\\n-----END CERTIFICATE-----\\n"],' +
        '"taken":{"east":7,"north":1}}',
    );
  });

  test('comes back as it was written, with fields that nobody here knows', () => {
    expect(decodeTrustBundle(encodeTrustBundle(bundle))).toEqual({ ok: true, value: bundle });
    const later = { ...bundle, since: 'tomorrow' };
    expect(decodeTrustBundle(encodeTrustBundle(later))).toEqual({ ok: true, value: later });
  });

  test('says which bundle of a cluster it has taken, and nothing that objects have by nature', () => {
    expect(takenOf(bundle, 'east' as ClusterName)).toBe(7);
    expect(takenOf(bundle, 'constructor' as ClusterName)).toBeUndefined();
  });

  test.each<[string, unknown, RegExp]>([
    ['no JSON', 'PEM', /not JSON/],
    ['a list', [], /not a JSON object/],
    ['no sequence', { ...bundle, sequence: undefined }, /sequence is missing/],
    ['sequence 0', { ...bundle, sequence: 0 }, /sequence is 0/],
    ['a sequence with a fraction', { ...bundle, sequence: 1.5 }, /sequence is not a whole number/],
    ['a sequence that is a text', { ...bundle, sequence: '1' }, /sequence is not a whole number/],
    ['another field in other letters', { ...bundle, Sequence: 9 }, /upper and lower case/],
    ['a name that is a path', { ...bundle, cluster: '../east' }, /cluster:/],
    ['no anchors', { ...bundle, anchors: [] }, /anchors is empty/],
    ['many anchors', { ...bundle, anchors: Array.from({ length: 9 }, () => anchor('MIIB')) }, /9 entries/],
    ['an anchor of two certificates', { ...bundle, anchors: [anchor('MIIB') + anchor('MIIC')] }, /anchors\[0\]/],
    ['text around an anchor', { ...bundle, anchors: [`# hello\n${anchor('MIIB')}`] }, /anchors\[0\]/],
    [
      'a private key',
      { ...bundle, anchors: [anchor('MIIB').replaceAll('CERTIFICATE', 'PRIVATE KEY')] },
      /anchors\[0\]/,
    ],
    ['a huge anchor', { ...bundle, anchors: [anchor(`${'A'.repeat(64)}\n`.repeat(200).trim())] }, /anchors\[0\]/],
    ['something taken of nobody', { ...bundle, taken: { 'a b': 1 } }, /no cluster/],
    ['something taken that is no number', { ...bundle, taken: { east: -1 } }, /taken/],
    ['more bytes than there can be', bytes(' '.repeat(200_000)), /bytes are more/],
  ])('is refused with %s', (_, value, reason) => {
    const read = decodeTrustBundle(value instanceof Uint8Array ? value : bytes(value));
    expect(read).toEqual({ ok: false, error: expect.stringMatching(reason) });
  });

  test('whatever stands there is read or refused, and what is read comes back the same', { timeout: 30_000 }, () => {
    const good = encodeTrustBundle(bundle);
    const flipped = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .map((flips) => {
        const changed = Buffer.from(good);
        for (const [at, value] of flips) changed[at] = value;
        return changed;
      });
    const cut = fc.nat(good.length).map((length) => Buffer.from(good.subarray(0, length)));
    fc.assert(
      fc.property(fc.oneof(flipped, cut, fc.uint8Array(), fc.json().map(bytes)), (value) => {
        const read = decodeTrustBundle(value);
        if (!read.ok) return;
        expect(decodeTrustBundle(encodeTrustBundle(read.value))).toEqual(read);
      }),
      { numRuns: 2_000 },
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { encodeToken, type JoinToken, parseToken } from './token.ts';
import { fingerprintWords } from './words.ts';

const clusterName = fc
  .stringMatching(/^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/)
  .filter((text) => parseClusterName(text).ok);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const endpoint = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.ipV6(), fc.integer({ min: 1, max: 65_535 })).map(([host, port]) => `[${host}]:${port}`),
  fc.integer({ min: 1, max: 65_535 }).map((port) => `join.west.example:${port}`),
);
const token: fc.Arbitrary<JoinToken> = fc.record({
  cluster: clusterName as fc.Arbitrary<ClusterName>,
  clusterId: fc.integer({ min: 1, max: 511 }),
  peer: clusterName as fc.Arbitrary<ClusterName>,
  invitation: bytes(8),
  secret: bytes(16),
  expiresAt: fc.integer({ min: 0, max: 0xffffffff }).map((seconds) => seconds * 1000),
  endpoints: fc.array(endpoint, { minLength: 1, maxLength: 8 }),
  pins: fc.array(
    bytes(32).map((pin) => `sha256/${Buffer.from(pin).toString('base64')}`),
    { minLength: 1, maxLength: 8 },
  ),
});

describe('a token', () => {
  test('comes back as it was written', () => {
    fc.assert(
      fc.property(token, (value) => {
        expect(parseToken(` ${encodeToken(value)}\n`)).toEqual({ ok: true, value });
      }),
    );
  });

  test('with any bit flipped is none', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.nat(7), (value, at, bit) => {
        const text = Buffer.from(encodeToken(value), 'latin1');
        const index = at % text.length;
        text[index] = (text[index] ?? 0) ^ (1 << bit);
        const flipped = text.toString('latin1');
        // A blank at an end is what pasting leaves.
        fc.pre(flipped.trim().length === flipped.length);
        expect(parseToken(flipped)).toMatchObject({ ok: false });
      }),
      { numRuns: 2_000 },
    );
  });

  test('with bytes behind its text flipped is none', () => {
    fc.assert(
      fc.property(token, fc.nat(), fc.nat(7), (value, at, bit) => {
        const body = Buffer.from(encodeToken(value).slice(4), 'base64url');
        const index = at % body.length;
        body[index] = (body[index] ?? 0) ^ (1 << bit);
        expect(parseToken(`cm1.${body.toString('base64url')}`)).toMatchObject({ ok: false });
      }),
      { numRuns: 2_000 },
    );
  });

  test('cut, or made of anything, is none and harms nobody', () => {
    fc.assert(
      fc.property(token, fc.nat(), (value, at) => {
        const text = encodeToken(value);
        expect(parseToken(text.slice(0, at % text.length))).toMatchObject({ ok: false });
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => !parseToken(text).ok));
    fc.assert(fc.property(fc.uint8Array(), (raw) => !parseToken(`cm1.${Buffer.from(raw).toString('base64url')}`).ok));
  });

  test('of a newer version says so', () => {
    expect(parseToken('cm2.AAAA')).toEqual({ ok: false, error: expect.stringContaining('version 2') });
  });

  test('has words that change with everything but the secret', () => {
    const [value] = fc.sample(token, { numRuns: 1, seed: 1 });
    if (value === undefined) throw new Error('no token');
    const words = fingerprintWords(value);
    expect(words).toMatch(/^([a-z]+ ){5}[a-z]+$/);
    expect(fingerprintWords({ ...value, secret: new Uint8Array(16) })).toBe(words);
    expect(fingerprintWords({ ...value, clusterId: value.clusterId + 1 })).not.toBe(words);
  });
});

import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { explain } from '../../mesh/conflict/explain.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { leafLeftMs } from '../../runtime/tls/expiry.ts';
import { authority, certify, DAY, type Issued, NOW, SERVER, type Wish } from '../../test/samples/certificates.ts';
import { assessTrust, judgeTrust, type TrustInput } from './assess.ts';

const WEST = 'west' as ClusterName;
const EAST = 'east' as ClusterName;

let roots: Readonly<Record<string, Issued>>;
beforeAll(async () => {
  roots = { west: await authority({ name: 'west root' }), east: await authority({ name: 'east root' }) };
});

const door = (cluster: string, wish: Partial<Wish> = {}, issuer = roots[cluster]) =>
  certify({
    name: `door.${cluster}`,
    issuer,
    extended: [SERVER],
    uris: [`spiffe://${cluster}.clustermesh/apiserver`],
    ...wish,
  });

const input = (cluster: ClusterName, chain: string | undefined, more: Partial<TrustInput> = {}): TrustInput => ({
  cluster,
  ca: roots[cluster]?.pem,
  chain,
  local: WEST,
  now: NOW,
  plain: false,
  ...more,
});

const statusOf = ({ checks }: ReturnType<typeof assessTrust>) =>
  Object.fromEntries(checks.map(({ code, status }) => [code.slice(-3), status]));
const codesOf = ({ findings }: ReturnType<typeof assessTrust>) => findings.map(({ code }) => code);

describe('trust in the report', () => {
  test('passes what was verified, and skips what there was nothing to look at for', async () => {
    const assessment = assessTrust([input(EAST, (await door('east')).pem)]);
    expect(assessment.findings).toEqual([]);
    expect(statusOf(assessment)).toEqual({
      '001': 'passed',
      '002': 'skipped',
      '003': 'passed',
      '004': 'passed',
      '005': 'passed',
      '006': 'passed',
      '007': 'passed',
      '008': 'skipped',
      '009': 'passed',
    });
    const nothing = statusOf(
      assessTrust([input(EAST, undefined), input(WEST, 'x', { ca: undefined, chain: undefined })]),
    );
    expect(new Set(Object.values(nothing))).toEqual(new Set(['skipped']));
  });

  test('says with evidence what fails, in words that stay the same from look to look', async () => {
    const chain = [(await door('east')).pem, roots.east?.pem].join('');
    const look = (now: number) => assessTrust([input(EAST, chain, { ca: roots.west?.pem, now })]).findings;
    const [finding] = look(NOW);
    expect(finding).toMatchObject({
      code: 'CM-TRUST-001',
      severity: 'blocking',
      category: 'trust',
      subject: { cluster: 'east', kind: 'certificate', key: 'chain.pem', value: 'CN=east root' },
      other: { cluster: 'west' },
      evidence: {
        certificate: {
          pin: expect.stringMatching(/^sha256\//),
          issuer: 'CN=east root',
          valid_to: expect.stringMatching(/Z$/),
        },
        store_pins: [expect.stringMatching(/^sha256\//)],
        path: ['CN=door.east', 'CN=east root'],
      },
      docs: 'docs/findings.md#cm-trust-001',
      remediation: expect.stringMatching(
        /^Put the CA of east into the trust store that is bound to it, after comparing the pin/,
      ),
    });
    const [later] = look(NOW + DAY);
    expect([later?.fingerprint, later?.evidence]).toEqual([finding?.fingerprint, finding?.evidence]);
    expect(finding === undefined ? '' : explain(finding).what).toContain(
      'which signed itself and is not in the trust store',
    );
  });

  test('does not pass what cannot be read, and names the place', async () => {
    const { pem } = await door('east');
    const assessment = assessTrust([
      input(EAST, `${pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`),
      input(WEST, (await door('west')).pem, { ca: 'hello' }),
    ]);
    expect(assessment.checks.find(({ code }) => code === 'CM-TRUST-001')).toMatchObject({
      status: 'unknown',
      reason: 'east: chain.pem certificate 2 of 2 cannot be read; west: ca.pem holds no PEM certificate',
    });
  });

  test('compares with the card as last admitted, where there is one', async () => {
    const chain = (await door('east')).pem;
    const assessment = assessTrust([input(EAST, chain, { admittedPins: ['sha256/gone'] })]);
    expect(codesOf(assessment)).toEqual(['CM-TRUST-008']);
    expect(statusOf(assessment)['008']).toBe('failed');
  });

  test('finds one key or one name in several clusters, once', async () => {
    const shared = roots.west;
    const north = 'north' as ClusterName;
    const copied = assessTrust([EAST, north, WEST].map((cluster) => input(cluster, undefined, { ca: shared?.pem })));
    expect(copied.findings).toMatchObject([
      {
        code: 'CM-TRUST-007',
        severity: 'warning',
        subject: { cluster: 'east', kind: 'ca-key' },
        other: { clusters: ['north', 'west'] },
      },
    ]);
    const namesake = await authority({ name: 'west root' });
    const named = assessTrust([input(WEST, undefined), input(EAST, undefined, { ca: namesake.pem })]);
    expect(named.findings).toMatchObject([
      {
        code: 'CM-TRUST-007',
        subject: { cluster: 'east', kind: 'ca-name', value: 'CN=west root' },
        other: { cluster: 'west' },
      },
    ]);
    expect(statusOf(named)).toMatchObject({ '001': 'skipped', '007': 'failed' });
  });

  test('holds, where nothing was found, until time alone can change that, and not much shorter', async () => {
    const [from, to] = [NOW - DAY, NOW + 29 * DAY];
    const chain = (await door('east', { from, to })).pem;
    const judgedAt = (now: number) => judgeTrust(input(EAST, chain, { now }));
    const warned = to - leafLeftMs({ notBefore: from, notAfter: to });
    expect(judgedAt(NOW).holdsUntil).toBe(warned + 1);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 31 * DAY }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (since, share) => {
          const now = from - 10_000 + since;
          const { findings, holdsUntil } = judgedAt(now);
          expect(holdsUntil === undefined).toBe(findings.length > 0);
          if (holdsUntil === undefined) return;
          expect(judgedAt(now + Math.floor(share * (holdsUntil - now)))).toEqual(judgedAt(now));
          expect(judgedAt(holdsUntil - 1).findings).toEqual([]);
        },
      ),
      { numRuns: 50 },
    );
    expect(judgedAt(warned + 1).findings).toMatchObject([{ code: 'CM-TRUST-005' }]);
    expect(judgedAt(from - 1).holdsUntil).toBeUndefined();
  });

  test('takes from a handshake what no chain says', async () => {
    const chain = (await door('east', { dns: ['east.mesh.cilium.io'] })).pem;
    const seen = (handshake: TrustInput['handshake'], more: Partial<TrustInput> = {}) =>
      assessTrust([input(EAST, chain, { handshake, ...more })]);
    expect(statusOf(seen({}))['002']).toBe('passed');
    expect(codesOf(seen({ clientRefused: { at: 'handshake', how: 'alert unknown CA' } }))).toEqual(['CM-TRUST-002']);
    expect(codesOf(seen({ chainRefused: 'CA_MD_TOO_WEAK' }))).toEqual(['CM-TRUST-001']);
    expect(codesOf(seen({ serverName: 'east.mesh.cilium.io' }))).toEqual([]);
    expect(codesOf(seen({ serverName: 'door.example.org' }))).toEqual(['CM-TRUST-006']);
    // Where the verification has a reason, TLS's is not a second one.
    expect(codesOf(seen({ chainRefused: 'CERT_HAS_EXPIRED' }, { now: NOW + 400 * DAY }))).toEqual(['CM-TRUST-004']);
    const missing = assessTrust([input(EAST, undefined, { missing: 'the door did not answer' })]);
    expect(statusOf(missing)).toMatchObject({ '001': 'unknown', '002': 'skipped', '008': 'skipped' });
  });
});

// Each code by the chain that it is for, and what must hold whatever is done to a chain. That the verdict is OpenSSL's is shown in
// openssl.live.test.ts.

import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import {
  authority,
  CLIENT,
  certify,
  DAY,
  dnsName,
  flipped,
  type Issued,
  keysOf,
  NOW,
  SERVER,
  USAGE,
  uriName,
  type Wish,
} from '../../test/samples/certificates.ts';
import { type ChainVerification, verifyChain } from './verify-chain.ts';

const WEST = 'west' as ClusterName;
const HOUR = DAY / 24;

const DOOR: Partial<Wish> = {
  ca: false,
  keyUsage: USAGE.digitalSignature,
  extended: [SERVER],
  dns: ['west.mesh.cilium.io'],
  uris: ['spiffe://west.clustermesh/apiserver'],
};
const PEER: Partial<Wish> = { ...DOOR, extended: [CLIENT], dns: [], uris: ['spiffe://west.clustermesh/peer'] };

let root: Issued;
let middle: Issued;
let door: Issued;
let stranger: Issued;
beforeAll(async () => {
  root = await authority({ name: 'west root' });
  middle = await authority({ name: 'west middle', issuer: root });
  door = await certify({ name: 'door.west', issuer: middle, ...DOOR });
  stranger = await authority({ name: 'east root' });
});

const leaf = (wish: Partial<Wish>, issuer: Issued = root) => certify({ name: 'door.west', issuer, ...DOOR, ...wish });

/** A leaf of that issuer, and the issuer. */
async function below(issuer: Promise<Issued>): Promise<readonly Issued[]> {
  return [await leaf({}, await issuer), await issuer];
}

function verify(chain: readonly Issued[], store: readonly Issued[], more: Partial<ChainVerification> = {}) {
  return verifyChain({
    chain: chain.map(({ node }) => node),
    store: store.map(({ pem }) => pem),
    cluster: WEST,
    purpose: 'door',
    now: NOW,
    ...more,
  });
}

const codesOf = ({ problems }: ReturnType<typeof verify>) => problems.map(({ code }) => code);

test('a whole chain is usable, and says its path', () => {
  const verdict = verify([door, middle], [root]);
  expect(verdict).toMatchObject({ usable: true, problems: [] });
  expect(verdict.path.map(({ place, subject }) => `${subject}: ${place}`)).toEqual([
    'CN=door.west: presented 1',
    'CN=west middle: presented 2',
    'CN=west root: trust store 1',
  ]);
});

describe('CM-TRUST-001', () => {
  test('a root that is not in the store', () => {
    const verdict = verify([door, middle, root], [stranger]);
    expect(verdict).toMatchObject({
      usable: false,
      problems: [
        {
          code: 'CM-TRUST-001',
          severity: 'blocking',
          certificate: { subject: 'CN=west root', place: 'presented 3' },
          expected: expect.stringContaining('"CN=east root" (trust store 1)'),
          remedy: expect.stringContaining('after comparing the pin sha256/'),
        },
      ],
    });
  });

  test('with CM-TRUST-007 where an authority of that name has another key', async () => {
    const namesake = await authority({ name: 'west root' });
    for (const presented of [
      [door, middle],
      [door, middle, root],
    ]) {
      const verdict = verify(presented, [namesake]);
      expect(verdict.problems.map(({ code, severity }) => `${code} ${severity}`)).toEqual([
        'CM-TRUST-001 blocking',
        'CM-TRUST-007 error',
      ]);
      expect(JSON.stringify(verdict)).toContain(verify([door], [namesake]).problems[0]?.issuers[0]?.pin ?? 'sha256/');
    }
  });

  test('an identifier that matches proves nothing', async () => {
    const identifier = Buffer.from(await root.certificate.publicKey.getKeyIdentifier()).toString('hex');
    const forged = await authority({ name: 'west root', subjectKeyId: identifier, authorityKeyId: identifier });
    expect(codesOf(verify([door, middle], [forged]))).toEqual(['CM-TRUST-001', 'CM-TRUST-007']);
  });

  test('an intermediate alone in the store, with the explanation', () => {
    for (const presented of [[door], [door, middle], [door, middle, root]]) {
      const [problem, ...rest] = verify(presented, [middle]).problems;
      expect(rest).toEqual([]);
      expect(problem).toMatchObject({ code: 'CM-TRUST-001', aspect: 'not self-signed' });
      expect(problem?.reason).toContain('an anchor must be self-signed');
    }
  });

  test.each<[string, () => Promise<readonly Issued[]>, RegExp]>([
    [
      'an issuer that is not an authority',
      () => below(certify({ name: 'x', issuer: root, ca: false })),
      /is not the certificate of an authority/,
    ],
    [
      'an issuer that may not sign',
      () => below(authority({ name: 'x', issuer: root, keyUsage: USAGE.cRLSign })),
      /is not the certificate of an authority/,
    ],
    [
      'names that the authority may not vouch for',
      () => below(authority({ name: 'x', issuer: root, permitted: [dnsName('east.mesh.cilium.io')] })),
      /DNS west\.mesh\.cilium\.io is not among the permitted the DNS east/,
    ],
    [
      'a trust domain that is not its own',
      () => below(authority({ name: 'x', issuer: root, permitted: [uriName('east.clustermesh')] })),
      /URI spiffe:\/\/west\.clustermesh\/apiserver is not among/,
    ],
    [
      'an extension that must be understood',
      async () => [await leaf({ critical: '1.2.3.4' })],
      /critical extension 1\.2\.3\.4/,
    ],
    [
      'identifiers that contradict a good signature',
      async () => [await leaf({ authorityKeyId: 'abcd' })],
      /the key identifiers of the two do not fit/,
    ],
  ])('%s', async (_, presented, reason) => {
    const verdict = verify(await presented(), [root]);
    expect(codesOf(verdict)).toEqual(['CM-TRUST-001']);
    expect(verdict.problems[0]?.reason).toMatch(reason);
  });

  test('a path that is longer than its root allows', async () => {
    const short = await authority({ name: 'short', pathLength: 0 });
    const between = await authority({ name: 'between', issuer: short });
    const verdict = verify([await leaf({}, between), between], [short]);
    expect(verdict.problems).toMatchObject([
      { code: 'CM-TRUST-001', aspect: 'path length', presented: '1 intermediates', expected: 'at most 0' },
    ]);
  });
});

describe('CM-TRUST-003', () => {
  test('an issuer that is nowhere to be found', () => {
    expect(verify([door], [root]).problems).toMatchObject([
      {
        code: 'CM-TRUST-003',
        certificate: { subject: 'CN=door.west', place: 'presented 1' },
        reason: expect.stringContaining(
          'its issuer "CN=west middle" was neither presented nor is it in the trust store',
        ),
      },
    ]);
  });
});

describe('CM-TRUST-004', () => {
  test.each<[string, Partial<Wish>, Partial<ChainVerification>, string]>([
    ['long expired', { from: NOW - 9 * DAY, to: NOW - DAY }, {}, 'expired'],
    ['expired a moment ago', { from: NOW - 9 * DAY, to: NOW - 60_000 }, {}, 'clock'],
    [
      'expired here, and not by the clock of the peer',
      { from: NOW - 9 * DAY, to: NOW - HOUR },
      { clockOffsetMs: -2 * HOUR },
      'clock',
    ],
    ['issued a moment from now', { from: NOW + 10 * 60_000 }, {}, 'clock'],
    ['issued for next month', { from: NOW + 30 * DAY }, {}, 'not yet valid'],
  ])('%s', async (_, wish, more, aspect) => {
    const verdict = verify([await leaf(wish)], [root], more);
    expect(verdict.usable).toBe(false);
    expect(verdict.problems[0]).toMatchObject({ code: 'CM-TRUST-004', severity: 'blocking', aspect });
  });

  test('a clock before all certificates is a clock', () => {
    const verdict = verify([door, middle], [root], { now: NOW - 3 * 365 * DAY });
    expect(verdict.problems.map(({ code, aspect }) => `${code} ${aspect}`)).toEqual(
      Array(3).fill('CM-TRUST-004 clock'),
    );
  });

  test('an expired authority beside its successor with the same key does not matter', async () => {
    const old = await authority({ name: 'west root', keys: root.keys, from: NOW - 9 * DAY, to: NOW - DAY });
    for (const store of [
      [old, root],
      [root, old],
    ])
      expect(verify([door, middle], store).usable).toBe(true);
    expect(codesOf(verify([door, middle], [old]))).toEqual(['CM-TRUST-004']);
  });
});

describe('CM-TRUST-005', () => {
  const soon = async (left: number, life: number) =>
    codesOf(verify([await leaf({ from: NOW - life + left, to: NOW + left })], [root]));
  test('a leaf near its end, as long as its life makes it', async () => {
    expect(await soon(4 * HOUR, 24 * HOUR)).toEqual(['CM-TRUST-005']);
    expect(await soon(5 * HOUR, 24 * HOUR)).toEqual([]);
    expect(await soon(0.9 * HOUR, 4 * HOUR)).toEqual(['CM-TRUST-005']);
    expect(await soon(0.9 * HOUR, 2 * HOUR)).toEqual([]);
    expect(await soon(0.4 * HOUR, 2 * HOUR)).toEqual(['CM-TRUST-005']);
    expect(await soon(13 * DAY, 365 * DAY)).toEqual(['CM-TRUST-005']);
    expect(await soon(15 * DAY, 365 * DAY)).toEqual([]);
  });

  test('an authority in its last 90 days, or that ends before what it issued', async () => {
    const late = await authority({ name: 'late', to: NOW + 89 * DAY });
    const verdict = verify([await leaf({ to: NOW + 100 * DAY }, late)], [late]);
    expect(verdict.usable).toBe(true);
    expect(verdict.problems.map(({ code, aspect }) => `${code} ${aspect}`)).toEqual([
      'CM-TRUST-005 ends before its leaf',
      'CM-TRUST-005 expires',
    ]);
  });
});

describe('CM-TRUST-006', () => {
  test.each<[string, Partial<Wish>, Partial<ChainVerification>, boolean]>([
    ['the URI of the door', { dns: [] }, { plain: false }, true],
    ['the URI of another cluster', { uris: ['spiffe://east.clustermesh/apiserver'] }, {}, false],
    ['the URI of another role', { uris: ['spiffe://west.clustermesh/peer'] }, {}, false],
    ['a URI that is none of a mesh', { uris: ['spiffe://west.example.org/x'] }, { plain: true }, false],
    ['two URIs', { uris: ['spiffe://west.clustermesh/apiserver', 'spiffe://east.clustermesh/apiserver'] }, {}, false],
    ['the DNS name alone, with a card', { uris: [] }, { plain: false }, false],
    ['the DNS name alone, without a card', { uris: [] }, { plain: true }, true],
    ['the DNS name alone, of whom nothing is known', { uris: [] }, {}, true],
    ['the DNS name of another cluster', { uris: [], dns: ['east.mesh.cilium.io'] }, { plain: true }, false],
    ['the wildcard, without a card', { uris: [], dns: ['*.mesh.cilium.io'] }, { plain: true }, true],
    ['the wildcard, of whom nothing is known', { uris: [], dns: ['*.mesh.cilium.io'] }, {}, false],
    ['the wildcard, with a card', { uris: [], dns: ['*.mesh.cilium.io'] }, { plain: false }, false],
    ['no name, but a common name', { uris: [], dns: [], name: 'west.mesh.cilium.io' }, { plain: true }, false],
    ['a DNS name that holds another', { uris: [], dns: ['x\0west.mesh.cilium.io'] }, { plain: true }, false],
    ['a name that the connection is not made to', {}, { serverName: 'door.example.org' }, false],
    ['the name that the connection is made to', {}, { serverName: 'west.mesh.cilium.io' }, true],
    ['usage for clients alone', { extended: [CLIENT] }, {}, false],
    ['key usage for nothing of TLS', { keyUsage: USAGE.cRLSign }, {}, false],
    ['a peer', { ...PEER, name: 'remote-west' }, { purpose: 'peer' }, true],
    ['a peer by URI, with the common name of another', { ...PEER, name: 'remote-east' }, { purpose: 'peer' }, false],
    ['a plain peer by common name', { ...PEER, uris: [], name: 'remote-west' }, { purpose: 'peer', plain: true }, true],
    [
      'a peer by common name, with a card',
      { ...PEER, uris: [], name: 'remote-west' },
      { purpose: 'peer', plain: false },
      false,
    ],
    [
      'the common name that all plain clusters share',
      { ...PEER, uris: [], name: 'remote' },
      { purpose: 'peer', plain: true },
      false,
    ],
    ['a door where a peer is meant', {}, { purpose: 'peer' }, false],
    ['any role of the cluster', { uris: ['spiffe://west.clustermesh/agent/n1'] }, { purpose: 'any' }, true],
    ['any role of another cluster', { uris: ['spiffe://east.clustermesh/agent/n1'] }, { purpose: 'any' }, false],
  ])('%s', async (_, wish, more, usable) => {
    const verdict = verify([await leaf(wish)], [root], more);
    expect(verdict.usable).toBe(usable);
    expect(new Set(codesOf(verdict))).toEqual(new Set(usable ? [] : ['CM-TRUST-006']));
  });

  test('is said beside whatever else is wrong', async () => {
    const wrong = await leaf({
      uris: ['spiffe://east.clustermesh/apiserver'],
      extended: [CLIENT],
      from: NOW - 9 * DAY,
      to: NOW - DAY,
    });
    expect(codesOf(verify([wrong], [stranger])).sort()).toEqual([
      'CM-TRUST-003',
      'CM-TRUST-004',
      'CM-TRUST-006',
      'CM-TRUST-006',
    ]);
  });
});

describe('CM-TRUST-007', () => {
  test('two authorities of one name are both tried, in any order and whatever identifiers say', async () => {
    for (const identifiers of [{}, { authorityKeyId: false as const }]) {
      const twins = [
        await authority({ name: 'twin', ...identifiers }),
        await authority({ name: 'twin', ...identifiers }),
      ];
      for (const twin of twins) {
        const chain = [await leaf(identifiers, twin)];
        for (const store of [twins, [...twins].reverse()]) {
          const verdict = verify(chain, store);
          expect(verdict.usable).toBe(true);
          expect(verdict.problems).toMatchObject([{ code: 'CM-TRUST-007', severity: 'warning' }]);
        }
      }
    }
  });
});

describe('CM-TRUST-008', () => {
  const pin = (issued: Issued) => verify([issued], [issued], { purpose: 'any' }).path[0]?.pin ?? '';
  test('is for a key that nobody announced', () => {
    const old = pin(stranger);
    const codes = (more: Partial<ChainVerification>) => codesOf(verify([door, middle], [root], more));
    expect(codes({ admittedPins: [old] })).toEqual(['CM-TRUST-008']);
    expect(codes({ admittedPins: [old, pin(root)] })).toEqual([]);
    expect(codes({ admittedPins: [pin(root)], currentPins: [pin(root), old] })).toEqual([]);
    expect(codes({ admittedPins: [old], currentPins: [pin(root), old] })).toEqual([]);
    // The card says the same, and is judged with the records.
    expect(codes({ admittedPins: [old], currentPins: [pin(root)] })).toEqual([]);
    expect(codes({ admittedPins: [old], currentPins: [old] })).toEqual(['CM-TRUST-008']);
    expect(codes({})).toEqual([]);
  });
});

describe('CM-TRUST-009', () => {
  test('names what is weak, whatever the verdict', async () => {
    const weakKey = await leaf({ keys: await keysOf('rsa1024') });
    const weakSignature = await leaf({ hash: 'SHA-1' });
    for (const chain of [[weakKey], [weakSignature]]) {
      expect(verify(chain, [root])).toMatchObject({
        usable: true,
        problems: [{ code: 'CM-TRUST-009', severity: 'warning' }],
      });
      expect(codesOf(verify(chain, [stranger]))).toEqual(['CM-TRUST-003', 'CM-TRUST-009']);
    }
    for (const kind of ['p384', 'rsa2048', 'ed25519'] as const) {
      expect(verify([await leaf({ keys: await keysOf(kind) })], [root]).problems).toEqual([]);
    }
  });
});

describe('paths', () => {
  test('are found through cross-signed roots, in any order, past what does not belong', async () => {
    const crossed = await authority({ name: 'west root', keys: root.keys, issuer: stranger });
    const rubbish = [await authority({ name: 'a' }), await authority({ name: 'b', issuer: root })];
    for (const store of [[root], [stranger], [root, stranger]]) {
      for (const others of [
        [middle, crossed],
        [crossed, middle],
        [...rubbish, crossed, middle, middle],
      ]) {
        expect(verify([door, ...others], store).usable).toBe(true);
      }
    }
  });

  test('end where certificates go in circles, and where there are too many', async () => {
    const [one, two] = [await keysOf('p256'), await keysOf('p256')];
    const a = await authority({ name: 'a', keys: one, issuer: await authority({ name: 'b', keys: two }) });
    const b = await authority({ name: 'b', keys: two, issuer: a });
    expect(verify([await leaf({}, a), a, b], [root]).usable).toBe(false);
    const twins = await Promise.all(Array.from({ length: 30 }, () => authority({ name: 'a', keys: one, issuer: b })));
    const backs = await Promise.all(Array.from({ length: 30 }, () => authority({ name: 'b', keys: two, issuer: a })));
    const started = performance.now();
    expect(verify([await leaf({}, a), ...twins, ...backs], [root]).usable).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test('begin with a certificate that can be read, and a store that has one', () => {
    expect(verify([], [root]).problems).toMatchObject([{ code: 'CM-TRUST-001', aspect: 'unreadable' }]);
    const cut = verifyChain({ chain: [door.node], store: [root.pem.slice(0, 200)], purpose: 'any', now: NOW });
    expect(cut.problems).toMatchObject([{ code: 'CM-TRUST-001', reason: expect.stringContaining('cut or damaged') }]);
  });

  test('show nothing that could steer a terminal', async () => {
    const rude = await leaf({ uris: [], dns: ['\u001b[2Jwest.mesh.cilium.io'] });
    expect(JSON.stringify(verify([rude], [root]))).not.toMatch(/\\u001b/);
  });
});

/** Hundreds of verifications, on a machine that may be busy. */
const PATIENCE = { timeout: 60_000 };

describe('a flipped bit', PATIENCE, () => {
  const readable = (bytes: Buffer): X509Certificate | undefined => {
    try {
      return new X509Certificate(bytes);
    } catch {
      return undefined;
    }
  };

  test('in the leaf or an intermediate never crashes and never passes', () => {
    const positions = fc.nat({ max: 1 << 20 });
    fc.assert(
      fc.property(fc.constantFrom(0, 1), positions, (which, position) => {
        const chain = [door.node, middle.node];
        const target = chain[which];
        if (target === undefined) return;
        const damaged = readable(flipped(target, position % (target.raw.length * 8)));
        if (damaged === undefined) return;
        chain[which] = damaged;
        const verdict = verifyChain({ chain, store: [root.pem], cluster: WEST, purpose: 'door', now: NOW });
        expect(verdict.usable).toBe(false);
        expect(verdict.problems[0]?.code).toMatch(/^CM-TRUST-00[1346]$/);
      }),
      { numRuns: 1_500 },
    );
  });

  test('in any certificate never makes a bad chain good', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1 << 20 }), (position) => {
        const damaged = readable(flipped(stranger.node, position % (stranger.node.raw.length * 8)));
        if (damaged === undefined) return;
        const verdict = verifyChain({
          chain: [door.node, middle.node],
          store: [damaged.toString()],
          purpose: 'any',
          now: NOW,
        });
        expect(verdict.usable).toBe(false);
      }),
      { numRuns: 700 },
    );
  });
});

// The verdict of path verification against that of OpenSSL over a generated corpus. Needs the `openssl` command, version 3.
// A failing chain is printed with its seed and kept in a folder, with the command that shows what OpenSSL says.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
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

interface Oddity {
  readonly key?: readonly string[];
  readonly rootKey?: readonly string[];
  /** As in OpenSSL's configuration; none makes a certificate of version 1. */
  readonly rootExtensions?: string;
  readonly leafExtensions?: string;
  readonly digest?: string;
  readonly rootName?: string;
  readonly leafName?: string;
  readonly sign?: readonly string[];
  readonly weak?: boolean;
}

const CA = 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n';
const ec = (curve: string) => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`];
const EC_KEY = ec('P-256');
const RSA_KEY = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'];

const ODDITIES: readonly (readonly [string, Oddity])[] = [
  ['version 1 throughout', { rootExtensions: '' }],
  ['MD5', { rootKey: RSA_KEY, digest: '-md5', weak: true }],
  ['RSA-PSS', { rootKey: RSA_KEY, sign: ['-sigopt', 'rsa_padding_mode:pss'] }],
  ['RSA-PSS with SHA-1', { rootKey: RSA_KEY, digest: '-sha1', sign: ['-sigopt', 'rsa_padding_mode:pss'], weak: true }],
  ['the curve P-192', { key: ec('P-192'), weak: true }],
  ['Ed448', { key: ['-algorithm', 'ED448'], rootKey: ['-algorithm', 'ED448'], digest: '-sha512' }],
  ['an RSA key of 1024 bits', { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'], weak: true }],
  ['a Netscape type for clients', { leafExtensions: 'nsCertType=client' }],
  ['a Netscape type for servers', { leafExtensions: 'nsCertType=server' }],
  ['an issuer named by serial number', { leafExtensions: 'authorityKeyIdentifier=issuer:always' }],
  ['a proxy certificate', { leafExtensions: 'proxyCertInfo=critical,language:id-ppl-anyLanguage,pathlen:0' }],
  ['names beyond ASCII', { rootName: '/O=Zürich/CN=Wurzel Ä', leafName: '/O=Zürich/CN=tür' }],
  ['a negative path length', { rootExtensions: 'basicConstraints=CA:TRUE,pathlen:-1' }],
  [
    'addresses permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;IP:10.0.0.0/255.0.0.0`,
      leafExtensions: 'subjectAltName=IP:10.1.2.3',
    },
  ],
  [
    'addresses not permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;IP:10.0.0.0/255.0.0.0`,
      leafExtensions: 'subjectAltName=IP:11.1.2.3',
    },
  ],
  [
    'addresses of the other family',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;IP:10.0.0.0/255.0.0.0`,
      leafExtensions: 'subjectAltName=IP:fd00::1',
    },
  ],
  [
    'addresses excluded',
    {
      rootExtensions: `${CA}nameConstraints=critical,excluded;IP:fd00::/ffff::`,
      leafExtensions: 'subjectAltName=IP:fd00::1',
    },
  ],
  [
    'subjects permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;dirName:dir\n[dir]\nO=West\n`,
      leafName: '/O=west/CN=x',
    },
  ],
  [
    'subjects not permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;dirName:dir\n[dir]\nO=West\n`,
      leafName: '/O=east/CN=x',
    },
  ],
  [
    'mail permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;email:example.org`,
      leafExtensions: 'subjectAltName=email:a@EXAMPLE.org',
    },
  ],
  [
    'mail not permitted',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;email:.example.org`,
      leafExtensions: 'subjectAltName=email:a@example.org',
    },
  ],
  [
    'mail in the subject',
    {
      rootExtensions: `${CA}nameConstraints=critical,excluded;email:example.org`,
      leafName: '/CN=x/emailAddress=a@example.org',
    },
  ],
  [
    'URIs below a domain',
    {
      rootExtensions: `${CA}nameConstraints=critical,permitted;URI:.clustermesh`,
      leafExtensions: 'subjectAltName=URI:spiffe://west.clustermesh/peer',
    },
  ],
  ['a policy that is critical', { leafExtensions: 'certificatePolicies=critical,1.2.3.4' }],
  ['a critical key identifier', { leafExtensions: 'subjectKeyIdentifier=critical,hash' }],
  ['a serial number that lies', { rootExtensions: `${CA}authorityKeyIdentifier=keyid:always,issuer:always` }],
];

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

  test.each(ODDITIES)('agrees with OpenSSL about %s', async (_, oddity) => {
    const sample = await oddChain(oddity);
    for (const purpose of ['door', 'peer', 'any'] as const) {
      const theirs = await openssl({ ...sample, purpose }, sample.store, sample.presented.slice(1));
      const chain = sample.presented.flatMap(certificatesOf);
      const ours = verifyChain({ chain, store: sample.store, purpose, now: sample.now });
      expect({
        purpose,
        usable: ours.usable,
        problems: theirs.ok ? [] : ours.problems.map(({ code }) => code),
      }).toEqual({
        purpose,
        usable: theirs.ok,
        problems: theirs.ok ? [] : expect.arrayContaining([expect.any(String)]),
      });
      if (oddity.weak) expect(ours.problems.map(({ code }) => code)).toContain('CM-TRUST-009');
    }
  });
});

/** A root and a leaf by the command itself. */
async function oddChain({
  key = EC_KEY,
  rootKey = EC_KEY,
  rootExtensions = CA,
  leafExtensions = '',
  digest = '-sha256',
  rootName = '/CN=odd root',
  leafName = '/CN=odd.west',
  sign = [],
}: Oddity): Promise<SampleChain> {
  const path = (name: string) => join(dir, `odd-${name}`);
  const done = async (...args: readonly string[]) => {
    const { ok, output } = await run(args);
    if (!ok) throw new Error(`openssl ${args.join(' ')}: ${output}`);
  };
  await done('genpkey', ...rootKey, '-out', path('root.key'));
  await done('genpkey', ...key, '-out', path('leaf.key'));
  for (const [name, subject] of [
    ['root', rootName],
    ['leaf', leafName],
  ] as const) {
    await done('req', '-new', '-utf8', '-key', path(`${name}.key`), '-subj', subject, '-out', path(`${name}.csr`));
    await writeFile(path(`${name}.ext`), name === 'root' ? rootExtensions : leafExtensions);
  }
  const issue = (name: string, extensions: string, ...by: readonly string[]) =>
    done(
      ...['x509', '-req', '-in', path(`${name}.csr`), '-days', '30', '-set_serial', '77', digest, ...sign],
      ...(extensions === '' ? [] : ['-extfile', path(`${name}.ext`)]),
      ...by,
      '-out',
      path(`${name}.pem`),
    );
  await issue('root', rootExtensions, '-signkey', path('root.key'));
  await issue('leaf', leafExtensions, '-CA', path('root.pem'), '-CAkey', path('root.key'));
  const [root, leaf] = await Promise.all(['root.pem', 'leaf.pem'].map((name) => readFile(path(name), 'utf8')));
  return { title: 'odd', presented: [leaf ?? ''], store: [root ?? ''], purpose: 'any', now: Date.now() + 60_000 };
}

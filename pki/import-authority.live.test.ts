// Needs the `openssl` command: what operators bring was made by it, or by something like it. Needs no privileges.
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterName } from '../mesh/model/names.ts';
import { DAY_MS } from './authority.ts';
import { writePair } from './files.ts';
import { importAuthority } from './import-authority.ts';
import { initCluster, planCluster } from './init.ts';

const cluster = 'west' as ClusterName;
let dir: string;
const at = (name: string) => join(dir, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
const CA = ['-addext', 'keyUsage=critical,keyCertSign', '-days', '30'];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pki-import-'));
  const root = (name: string, ...key: string[]) =>
    openssl(
      'req',
      '-x509',
      '-nodes',
      '-newkey',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
      ...CA,
    );
  root('rsa', 'rsa:2048');
  root('weak', 'rsa:1024');
  root('ec', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384');
  const request = ['req', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-subj', '/CN=middle'];
  const middle = [
    ...request,
    '-CA',
    'rsa.pem',
    '-CAkey',
    'rsa.key',
    '-x509',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
  ];
  openssl(...middle, '-keyout', 'middle.key', '-out', 'middle.pem', ...CA);
  for (const name of ['rsa', 'ec']) {
    openssl(
      'pkcs12',
      '-export',
      '-in',
      `${name}.pem`,
      '-inkey',
      `${name}.key`,
      '-out',
      `${name}.p12`,
      '-passout',
      'pass:secret',
    );
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function read(certificates: readonly string[], key?: string, passphrase?: string) {
  const parts = await Promise.all(certificates.map((name) => readFile(at(name))));
  const keyText = key === undefined ? undefined : await readFile(at(key), 'utf8');
  return importAuthority({ cluster, certificates: Buffer.concat(parts), key: keyText, passphrase, now: Date.now() });
}

describe('an authority that the operator brings', () => {
  test.each<[string, readonly string[], string | undefined, string | undefined]>([
    ['an RSA root', ['rsa.pem'], 'rsa.key', undefined],
    ['a P-384 root with its key in one file', ['ec.key', 'ec.pem'], undefined, undefined],
    ['an intermediate with its root', ['middle.pem', 'rsa.pem'], 'middle.key', undefined],
    ['RSA in PKCS#12', ['rsa.p12'], undefined, 'secret'],
    ['ECDSA in PKCS#12', ['ec.p12'], undefined, 'secret'],
  ])('issues what OpenSSL verifies: %s', async (name, certificates, key, passphrase) => {
    const imported = await read(certificates, key, passphrase);
    if (!imported.ok) throw new Error(imported.error);
    const folder = at(`of ${name.replaceAll(/\W/g, '-')}`);
    const addresses = { etcd: [], door: [], rpc: [] };
    const wanted = { dir: folder, cluster, id: 7, nodes: [], addresses, given: imported.value, now: Date.now() };
    const planned = await planCluster(wanted);
    const { layout, written } = await initCluster({ ...wanted, leafLifeMs: DAY_MS });
    expect(written).toEqual(planned.written);
    const { cert } = layout.leaf('door');
    openssl('verify', '-x509_strict', '-CAfile', layout.authority.cert, '-untrusted', cert, cert);
    expect((await initCluster(wanted)).written).toEqual([]);
    await expect(planCluster({ ...wanted, id: 8 })).rejects.toMatchObject({ code: 'PKI_CLUSTER_RECORD' });
  });

  test.each<[string, readonly string[], string | undefined, string | undefined, RegExp]>([
    ['an intermediate alone', ['middle.pem'], 'middle.key', undefined, /intermediate.*"CN=rsa".*self-signed root/],
    ['a weak key', ['weak.pem'], 'weak.key', undefined, /1024 bits is too weak/],
    ['the key of another', ['rsa.pem'], 'ec.key', undefined, /none of its certificates belongs/],
    ['no key', ['rsa.pem'], undefined, undefined, /no private key/],
    ['a wrong passphrase', ['ec.p12'], undefined, 'wrong', /no PKCS#12 container that this passphrase opens/],
  ])('is refused with the reason: %s', async (_, certificates, key, passphrase, reason) => {
    expect(await read(certificates, key, passphrase)).toMatchObject({
      ok: false,
      error: expect.stringMatching(reason),
    });
  });

  test('is refused when it is a leaf', async () => {
    const { layout } = await initCluster({
      dir: at('own'),
      cluster,
      nodes: [],
      addresses: { etcd: [], door: [], rpc: [] },
      now: Date.now(),
    });
    const { cert, key } = layout.leaf('door');
    await writePair(
      { cert: at('leaf.pem'), key: at('leaf.key') },
      { certificate: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') },
    );
    expect(new X509Certificate(await readFile(cert)).ca).toBe(false);
    expect(await read(['leaf.pem'], 'leaf.key')).toMatchObject({
      ok: false,
      error: expect.stringContaining('not the certificate of an authority'),
    });
  });
});

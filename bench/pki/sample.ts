// What the benchmark works on: a root, an intermediate, and leaves of both profiles that lead to the root through it, in files for the
// `openssl` command.

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, DAY_MS } from '../../pki/authority.ts';
import { type IssuedCertificate, issue } from '../../pki/issue.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';

export const CLUSTER = 'west' as ClusterName;

export interface PkiSample {
  readonly dir: string;
  readonly root: string;
  /** An intermediate that issues, as an operator may bring one. */
  readonly authority: Authority;
  /** Each of its own key. */
  readonly doors: readonly IssuedCertificate[];
  readonly peer: IssuedCertificate;
  /** Paths of PEM files. */
  readonly files: {
    readonly root: string;
    readonly intermediate: string;
    readonly intermediateKey: string;
    readonly doors: readonly string[];
    readonly peer: { readonly cert: string; readonly key: string };
    readonly door: { readonly cert: string; readonly key: string };
  };
  remove(): Promise<void>;
}

const run = promisify(execFile);

/** The output of one `openssl` command; rejects where it fails. */
export async function openssl(...args: readonly string[]): Promise<string> {
  const { stdout } = await run('openssl', args, { maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

const INTERMEDIATE = 'basicConstraints=critical,CA:TRUE,pathlen:0';

export async function makeSample(leaves: number): Promise<PkiSample> {
  const dir = await mkdtemp(join(tmpdir(), 'bench-pki-'));
  const write = async (name: string, text: string) => {
    const path = join(dir, name);
    await writeFile(path, text, { mode: 0o600 });
    return path;
  };
  const [certificate, key] = [join(dir, 'intermediate.pem'), join(dir, 'intermediate.key')];
  const [rootFile, rootKey] = [join(dir, 'root.pem'), join(dir, 'root.key')];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30', '-sha256'];
  const signs = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  await openssl('req', '-x509', ...newKey, '-subj', '/CN=bench root', ...signs, '-keyout', rootKey, '-out', rootFile);
  await openssl(
    ...['req', '-x509', '-CA', rootFile, '-CAkey', rootKey, ...newKey, '-subj', '/CN=bench intermediate'],
    ...['-addext', INTERMEDIATE, ...signs, '-keyout', key, '-out', certificate],
  );
  const intermediate = await readFile(certificate, 'utf8');
  const authority = {
    cluster: CLUSTER,
    certificate: intermediate,
    key: await readFile(key, 'utf8'),
    intermediates: intermediate,
  };
  const request = { authority, now: Date.now(), ttlMs: DAY_MS, ips: ['127.0.0.1'] };
  const peer = await issue({ ...request, profile: 'peer' });
  const doors: IssuedCertificate[] = [];
  for (let index = 0; index < leaves; index += 1) doors.push(await issue({ ...request, profile: 'door' }));
  const [door] = doors;
  if (door === undefined) throw new Error('a sample needs a leaf');
  return {
    dir,
    root: await readFile(rootFile, 'utf8'),
    authority,
    doors,
    peer,
    files: {
      root: rootFile,
      intermediate: certificate,
      intermediateKey: key,
      doors: await Promise.all(doors.map((each, index) => write(`leaf-${index}.pem`, leafOf(each)))),
      peer: { cert: await write('peer.pem', peer.certificate), key: await write('peer.key', peer.key) },
      door: { cert: await write('door.pem', door.certificate), key: await write('door.key', door.key) },
    },
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

const leafOf = ({ certificate }: IssuedCertificate): string => String(certificatesOf(certificate)[0]);

// What a command shows to an API server over https://, and by what it knows that server: out of a folder that `pki init` has made, or
// of a copy that holds ca/ca.pem and admin/ alone. Which cluster it is for, the certificate itself says.

import { readFile } from 'node:fs/promises';
import { httpDnsName } from '../mesh/model/certificate-names.ts';
import { clusterLayout } from '../pki/layout.ts';
import { leafIn } from '../pki/leaf-files.ts';
import { claimedRole } from '../pki/verify.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { caProblem } from '../runtime/tls/material.ts';

export interface ApiCredentials {
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** What the server has to be, whatever its address. */
  readonly servername: string;
}

/** Rejects with API_CREDENTIALS, or with API_CERTIFICATE_EXPIRED. `now`: milliseconds since the epoch. */
export async function readApiCredentials(folder: string, now: number): Promise<ApiCredentials> {
  const layout = clusterLayout(folder);
  const paths = layout.leaf('admin');
  const [ca, cert, key] = [
    await readText(layout.authority.cert),
    await readText(paths.cert),
    await readText(paths.key),
  ];
  const authority = caProblem(ca);
  if (authority !== undefined) throw unusable(layout.authority.cert, authority);
  const leaf = leafIn(cert, key);
  if (!leaf.ok) throw unusable(paths.cert, leaf.error);
  const role = claimedRole(leaf.value.raw);
  if (!role.ok) throw unusable(paths.cert, role.error);
  if (now > Date.parse(leaf.value.validTo)) {
    throw new OperationalError({
      code: 'API_CERTIFICATE_EXPIRED',
      operation: 'show certificate',
      subject: paths.cert,
      reason: `it expired on ${leaf.value.validTo}`,
      hint: 'run clustermesh trust renew where the authority is kept, and copy admin/ from there',
    });
  }
  return { ca, cert, key, servername: httpDnsName(role.value.cluster) };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw unusable(path, reasonOf(error), error);
  }
}

const unusable = (path: string, reason: string, cause?: unknown): OperationalError =>
  new OperationalError({
    code: 'API_CREDENTIALS',
    operation: 'read credentials',
    subject: path,
    reason,
    hint: '--pki names a folder of pki init, or a copy with its ca/ca.pem and admin/',
    cause,
  });

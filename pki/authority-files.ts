// The authority of a cluster on disk. `ca.pem` is everybody who may vouch for the cluster: the certificate that signs and
// its chain up to a root. `key.pem` is the key that signs; which certificate is its own is found by the key.

import type { ClusterName } from '../mesh/model/names.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';
import { type Authority, openAuthority } from './authority.ts';
import { pemOf } from './bundles/anchors.ts';
import { pathToRoot } from './certification-path.ts';
import { createPrivate, type Pair, readIfPresent, writePublic } from './files.ts';
import type { ClusterLayout } from './layout.ts';
import { readPrivateKey } from './signing.ts';

export interface StoredAuthority {
  readonly authority: Authority;
  /** The PEM text of `ca.pem`. */
  readonly bundle: string;
}

/** `undefined` when there is none, or only its key; throws PKI_AUTHORITY for one that is damaged. */
export async function readAuthority(
  { authority: paths }: ClusterLayout,
  cluster: ClusterName,
): Promise<StoredAuthority | undefined> {
  const [bundle, key] = await Promise.all([readIfPresent(paths.cert), readIfPresent(paths.key)]);
  if (bundle === undefined) return undefined;
  if (key === undefined) throw damaged(paths, 'the certificate is there and the key is missing');
  try {
    const authority = authorityIn(bundle, key, cluster);
    openAuthority(authority);
    return { authority, bundle };
  } catch (cause) {
    throw damaged(paths, reasonOf(cause), cause);
  }
}

/** The key first, and never over another: a key without a certificate can be completed, the reverse cannot. */
export async function writeAuthority(paths: Pair, { authority, bundle }: StoredAuthority): Promise<void> {
  if ((await readIfPresent(paths.key)) !== authority.key) await createPrivate(paths.key, authority.key);
  await writePublic(paths.cert, bundle);
}

/** Throws with the reason. */
export function authorityIn(bundle: string, key: string, cluster: ClusterName): Authority {
  const certificates = certificatesOf(bundle);
  const privateKey = readPrivateKey(key);
  if (privateKey === undefined) throw new Error('the key file holds no private key that can be read');
  const signer = certificates.find((certificate) => certificate.checkPrivateKey(privateKey));
  if (signer === undefined) throw new Error('none of the certificates belongs to the key');
  const path = pathToRoot(signer, certificates);
  if (!path.ok) throw new Error(`the certificate of "${path.error}" is missing from the chain`);
  return {
    cluster,
    certificate: pemOf(signer),
    key,
    intermediates: path.value.slice(0, -1).map(pemOf).join(''),
  };
}

function damaged(paths: Pair, reason: string, cause?: unknown): OperationalError {
  return new OperationalError({
    code: 'PKI_AUTHORITY',
    operation: 'open certificate authority',
    subject: paths.cert,
    reason,
    hint: 'restore both files from a backup; a new authority would have to be introduced to every peer',
    cause,
  });
}

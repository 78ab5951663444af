// How far the replacement of a cluster's authority has come. Read from the folder's files alone, so that whoever comes after a crash,
// or on another day, goes on where it stands.
//
//   settled     one authority, which has signed everything
//   begun       a key for the next one, and no certificate of it yet: what a crash leaves
//   prepared    the next one stands in ca.pem beside the one that signs
//   activated   the next one signs; the old one is still in ca.pem, and may still have leaves

import type { X509Certificate } from 'node:crypto';
import type { ClusterName } from '../../mesh/model/names.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { type Authority, openAuthority } from '../authority.ts';
import { authorityIn, readAuthority, type StoredAuthority } from '../authority-files.ts';
import { pathToRoot } from '../certification-path.ts';
import { readIfPresent } from '../files.ts';
import { type ClusterLayout, clusterLayout } from '../layout.ts';
import { issuerProblem } from '../leaf-files.ts';
import { LeafFolder } from '../renew/leaf-folder.ts';
import type { StandingLeaf } from '../renew/standing.ts';
import { readPrivateKey } from '../signing.ts';

export type RotationPhase = 'settled' | 'begun' | 'prepared' | 'activated';

export interface Rotation {
  readonly phase: RotationPhase;
  readonly cluster: ClusterName;
  readonly layout: ClusterLayout;
  /** What signs now. */
  readonly stored: StoredAuthority;
  /** The key that is to sign, and what it is to sign with once `prepared`. */
  readonly next: { readonly key: string; readonly authority: Authority | undefined } | undefined;
  /** PEM of the key that has signed before, where it is still there. */
  readonly previousKey: string | undefined;
  /** In ca.pem, and neither of what signs nor of what is to sign. */
  readonly retiring: readonly X509Certificate[];
  readonly leaves: readonly StandingLeaf[];
  /** Leaves that what signs now has not signed. */
  readonly behind: readonly StandingLeaf[];
}

/** Rejects with PKI_CLUSTER_RECORD, PKI_AUTHORITY or PKI_FILE where the folder does not say. */
export async function readRotation(dir: string): Promise<Rotation> {
  const folder = new LeafFolder({ dir });
  const cluster = await folder.cluster();
  const layout = clusterLayout(dir);
  const stored = await readAuthority(layout, cluster);
  if (stored === undefined) throw missing(layout);
  const [nextKey, previousKey, leaves] = await Promise.all([
    readIfPresent(layout.rotation.nextKey),
    readIfPresent(layout.rotation.previousKey),
    folder.standing(),
  ]);
  const certificates = certificatesOf(stored.bundle);
  const next =
    nextKey === undefined ? undefined : { key: nextKey, authority: nextIn(layout, stored, nextKey, cluster) };
  const kept = [stored.authority, ...(next?.authority === undefined ? [] : [next.authority])];
  const named = new Set(kept.flatMap((authority) => pathOf(authority, certificates)));
  const retiring = certificates.filter(({ fingerprint256 }) => !named.has(fingerprint256));
  const behind = leaves.filter(
    ({ certificate }) =>
      certificate !== undefined && issuerProblem(certificate, stored.authority.certificate) !== undefined,
  );
  return {
    phase: next === undefined ? (retiring.length > 0 ? 'activated' : 'settled') : phaseOf(next),
    ...{ cluster, layout, stored, next, previousKey, retiring, leaves, behind },
  };
}

const phaseOf = ({ authority }: NonNullable<Rotation['next']>): RotationPhase =>
  authority === undefined ? 'begun' : 'prepared';

/** `undefined` while ca.pem holds no certificate of the key. */
function nextIn(
  layout: ClusterLayout,
  { bundle }: StoredAuthority,
  key: string,
  cluster: ClusterName,
): Authority | undefined {
  const privateKey = readPrivateKey(key);
  if (privateKey === undefined) throw unreadable(layout, 'it holds no private key that can be read');
  if (!certificatesOf(bundle).some((certificate) => certificate.checkPrivateKey(privateKey))) return undefined;
  try {
    const authority = authorityIn(bundle, key, cluster);
    openAuthority(authority);
    return authority;
  } catch (cause) {
    throw unreadable(layout, reasonOf(cause));
  }
}

/** Fingerprints, from the certificate that signs up to its root. */
export function pathOf({ certificate }: Authority, certificates: readonly X509Certificate[]): readonly string[] {
  const [signer] = certificatesOf(certificate);
  const path = signer === undefined ? undefined : pathToRoot(signer, certificates);
  return path?.ok === true ? path.value.map(({ fingerprint256 }) => fingerprint256) : [];
}

function missing({ authority }: ClusterLayout): OperationalError {
  return new OperationalError({
    code: 'PKI_AUTHORITY',
    operation: 'open certificate authority',
    subject: authority.cert,
    reason: 'it is not there',
    hint: 'replace the authority where it is kept, and copy what was written',
  });
}

function unreadable({ rotation }: ClusterLayout, reason: string): OperationalError {
  return new OperationalError({
    code: 'PKI_AUTHORITY',
    operation: 'open the next certificate authority',
    subject: rotation.nextKey,
    reason,
    hint: 'delete it, and prepare again: nobody depends on a key that has signed nothing',
  });
}

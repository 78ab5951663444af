// Who a client of the door is, by its certificate. Whom the certificate names is read first: by the URI of a mesh, or where there
// is none by the common name that Cilium gives its clients. Then the one trust store that is bound to that cluster must vouch
// for it: the handshake only says that one of all stores did, so that one cluster's authority could speak for another. Pure, apart
// from OpenSSL's arithmetic.
//
// Cilium's names are taken from everybody: the store decides as it does for a URI. Its older `remote`, which all clusters share,
// is not, since it does not say whose store to ask.

import { X509Certificate } from 'node:crypto';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { claimedRole, urisOf, verifyClient } from '../../pki/verify.ts';
import type { ClientKind } from './access.ts';

/** PEM texts of CA certificates, as of now. */
export interface DoorTrust {
  /** What is bound to a peer; `undefined` for a cluster that is no peer. */
  storeOf(cluster: ClusterName): readonly string[] | undefined;
  readonly own: readonly string[];
}

export interface DoorIdentity {
  readonly kind: ClientKind;
  /** Only a peer's is another than the door's own. */
  readonly cluster: ClusterName;
  /** As people know it: `peer east`, `agent n1`. Clients of one name share a quota. */
  readonly name: string;
}

export interface Presented {
  /** DER of the certificate that the client proved to hold the key of. */
  readonly leaf: Uint8Array;
  readonly own: ClusterName;
  readonly trust: DoorTrust;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** The error says what was presented and what is missing. */
export function identify({ leaf, own, trust, now }: Presented): Result<DoorIdentity, string> {
  const claimed = claimOf(leaf, own);
  if (!claimed.ok) return claimed;
  const store = storeFor(claimed.value, trust);
  if (store === undefined) return err(`cluster ${claimed.value.cluster} is no peer of ${own}`);
  const verified = verifyClient({ leaf, store, now });
  return verified.ok ? claimed : verified;
}

export const storeFor = ({ kind, cluster }: DoorIdentity, trust: DoorTrust): readonly string[] | undefined =>
  kind === 'peer' ? trust.storeOf(cluster) : trust.own;

function claimOf(leaf: Uint8Array, own: ClusterName): Result<DoorIdentity, string> {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(leaf);
  } catch {
    return err('the certificate presented cannot be read');
  }
  // A URI is explicit, so that beside one the common name is of no account: an agent's is the name of its node, whatever that is.
  const plain = urisOf(certificate).length === 0;
  const claim = plain ? claimOfCommonName(certificate.subject, own) : claimOfUri(leaf);
  if (!claim.ok) return claim;
  const { kind, cluster, name } = claim.value;
  if (kind === 'peer' && cluster === own)
    return err(`the certificate of ${name} opens other clusters' doors, not its own`);
  if (kind !== 'peer' && cluster !== own) return err(`the certificate is for cluster ${cluster}, not ${own}`);
  return claim;
}

function claimOfUri(leaf: Uint8Array): Result<DoorIdentity, string> {
  const claimed = claimedRole(leaf);
  if (!claimed.ok) return claimed;
  const role = claimed.value;
  switch (role.role) {
    case 'peer':
      return ok(peer(role.cluster));
    case 'agent':
      return ok({ kind: 'local', cluster: role.cluster, name: `agent ${role.node}` });
    case 'admin':
      return ok(administrator(role.cluster));
    case 'metrics':
      return err('the certificate of who reads metrics opens the HTTP API, and no door');
    case 'apiserver':
      return err('API servers read their own etcd, and come to other doors as peers');
    default:
      return role satisfies never;
  }
}

/** `remote-<peer>`, `local-<own>` and `admin-<own>` are the users that the etcd of a Cilium cluster knows. */
const CILIUM_USER = /^CN=(remote|local|admin)-([^\s+]+)$/;

/** Node prints one part of the name a line. */
function claimOfCommonName(subject: string, own: ClusterName): Result<DoorIdentity, string> {
  const named = subject.split('\n').filter((line) => line.startsWith('CN='));
  const [, user, text = ''] = CILIUM_USER.exec(named.length === 1 ? (named[0] ?? '') : '') ?? [];
  const cluster = parseClusterName(text);
  if (user === undefined || !cluster.ok) {
    return err(
      `"${named.join(', ')}" names nobody whom the door knows: neither a URI of the mesh nor a user of Cilium's`,
    );
  }
  if (user === 'remote') return ok(peer(cluster.value));
  if (user === 'admin') return ok(administrator(cluster.value));
  return ok({ kind: 'local', cluster: cluster.value, name: `Cilium agents of ${own}` });
}

const peer = (cluster: ClusterName): DoorIdentity => ({ kind: 'peer', cluster, name: `peer ${cluster}` });
const administrator = (cluster: ClusterName): DoorIdentity => ({
  kind: 'admin',
  cluster,
  name: `administrator of ${cluster}`,
});

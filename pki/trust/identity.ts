// Whether a leaf is that of the cluster that the trust store is bound to (CM-TRUST-006), by the names in
// mesh/model/certificate-names.ts. A cluster with a card shows the mesh's URI. A plain Cilium cluster has Cilium's names: the DNS
// name of its door, or the wildcard for all doors, and `remote-<cluster>` as a client. Where it is not known which of the two it is,
// either will do, apart from the wildcard, which says nothing about the cluster.

import { isIP } from 'node:net';
import { doorDnsName, parseRoleUri, peerCommonName } from '../../mesh/model/certificate-names.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Certificate } from './certificate.ts';
import { printable } from './printable.ts';
import type { TrustPurpose } from './problem.ts';

export interface ExpectedIdentity {
  readonly cluster: ClusterName;
  readonly purpose: TrustPurpose;
  readonly plain: boolean | undefined;
}

export interface IdentityProblem {
  readonly reason: string;
  readonly presented: string;
  readonly expected: string;
}

const DOOR_WILDCARD = '*.mesh.cilium.io';
const MESH_SCHEME = 'spiffe://';

export function identityProblem(leaf: Certificate, wanted: ExpectedIdentity): IdentityProblem | undefined {
  const presented = namesText(leaf);
  const problem = (reason: string, expected: string): IdentityProblem => ({ reason, presented, expected });
  const uris = valuesOf(leaf, 'uri');
  const [uri] = uris;
  const expectedUri = `URI ${MESH_SCHEME}${wanted.cluster}.clustermesh/${ROLE_PATH[wanted.purpose]}`;
  if (uris.length > 1) return problem('it carries several URIs, so that its role is ambiguous', expectedUri);
  if (uri !== undefined && (uri.startsWith(MESH_SCHEME) || wanted.plain === false)) {
    const reason = uriProblem(uri, wanted) ?? commonNameProblem(leaf, wanted);
    return reason === undefined ? undefined : problem(reason, expectedUri);
  }
  if (wanted.plain === false) return problem('it carries no URI of the mesh', expectedUri);
  const accepted = ciliumNames(leaf, wanted);
  if (accepted.includes(true)) return undefined;
  return problem(`it carries no name of ${wanted.cluster}`, `${expectedUri}, or ${ciliumNamesText(wanted)}`);
}

/** The name that the connection is made to, as TLS checks it. */
export function serverNameProblem(leaf: Certificate, serverName: string): IdentityProblem | undefined {
  const matches =
    isIP(serverName) === 0 ? leaf.x509.checkHost(serverName, { subject: 'never' }) : leaf.x509.checkIP(serverName);
  if (matches !== undefined) return undefined;
  return {
    reason: `it is not for ${serverName}, the name that the connection is made to`,
    presented: namesText(leaf),
    expected: `${isIP(serverName) === 0 ? 'DNS' : 'IP'} ${serverName}`,
  };
}

const ROLE_PATH: Readonly<Record<TrustPurpose, string>> = { door: 'apiserver', peer: 'peer', any: '…' };

function uriProblem(uri: string, { cluster, purpose }: ExpectedIdentity): string | undefined {
  const role = parseRoleUri(uri);
  if (!role.ok) return `its URI names no role of a mesh (${printable(role.error)})`;
  if (role.value.cluster !== cluster) return `it is that of cluster ${role.value.cluster}`;
  if (purpose !== 'any' && role.value.role !== ROLE_PATH[purpose]) {
    return `its role is ${role.value.role}, not ${ROLE_PATH[purpose]}`;
  }
  return undefined;
}

/** The etcd of a Cilium cluster knows its clients by their common name, whatever else they carry. */
function commonNameProblem({ commonNames }: Certificate, { cluster, purpose }: ExpectedIdentity): string | undefined {
  const wrong = purpose === 'peer' ? commonNames.find((name) => name !== peerCommonName(cluster)) : undefined;
  return wrong === undefined ? undefined : `its common name is ${printable(wrong)}, not ${peerCommonName(cluster)}`;
}

function ciliumNames(leaf: Certificate, { cluster, purpose, plain }: ExpectedIdentity): readonly boolean[] {
  const dnsNames = valuesOf(leaf, 'dns').map((name) => name.toLowerCase());
  return [
    purpose !== 'peer' && dnsNames.includes(doorDnsName(cluster)),
    purpose !== 'peer' && plain === true && dnsNames.includes(DOOR_WILDCARD),
    purpose !== 'door' && leaf.commonNames.includes(peerCommonName(cluster)),
  ];
}

function ciliumNamesText({ cluster, purpose, plain }: ExpectedIdentity): string {
  const door = [`DNS ${doorDnsName(cluster)}`, ...(plain === true ? [`DNS ${DOOR_WILDCARD}`] : [])];
  const peer = [`CN ${peerCommonName(cluster)}`];
  return (purpose === 'door' ? door : purpose === 'peer' ? peer : [...door, ...peer]).join(', or ');
}

const valuesOf = ({ altNames }: Certificate, kind: 'uri' | 'dns'): readonly string[] =>
  altNames.flatMap((name) => (name.kind === kind ? [name.value] : []));

function namesText(leaf: Certificate): string {
  const names = [
    ...valuesOf(leaf, 'uri').map((value) => `URI ${value}`),
    ...valuesOf(leaf, 'dns').map((value) => `DNS ${value}`),
    ...leaf.commonNames.map((value) => `CN ${value}`),
  ];
  return names.length === 0 ? 'no name' : printable(names.join(', '));
}

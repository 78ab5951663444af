// The names that certificates of a mesh carry, and what each entitles its holder to be. A cluster's trust domain is
// `<cluster>.clustermesh`; the role is in the URI (SPIFFE). The DNS name and the CN are those that Cilium's clients and
// etcd expect. A name says who somebody claims to be: whether the claim holds is decided against the trust store that is
// bound to that cluster, never against a merged one.

import { type ClusterName, isDnsSubdomain, parseClusterName } from './names.ts';
import { err, ok, type Result } from './result.ts';

/** Who a certificate speaks for. */
export type CertificateRole =
  | { readonly role: 'apiserver'; readonly cluster: ClusterName }
  | { readonly role: 'peer'; readonly cluster: ClusterName }
  | { readonly role: 'agent'; readonly cluster: ClusterName; readonly node: string }
  | { readonly role: 'admin'; readonly cluster: ClusterName }
  | { readonly role: 'metrics'; readonly cluster: ClusterName };

const SCHEME = 'spiffe://';
const DOMAIN_SUFFIX = '.clustermesh';

/** STABLE: in every certificate that was ever issued. */
export function roleUri(role: CertificateRole): string {
  const domain = `${SCHEME}${role.cluster}${DOMAIN_SUFFIX}`;
  return role.role === 'agent' ? `${domain}/agent/${role.node}` : `${domain}/${role.role}`;
}

export function parseRoleUri(uri: string): Result<CertificateRole, string> {
  if (!uri.startsWith(SCHEME)) return err('not a spiffe:// URI');
  const [domain = '', kind = '', ...rest] = uri.slice(SCHEME.length).split('/');
  if (!domain.endsWith(DOMAIN_SUFFIX))
    return err(`trust domain ${domain} is not of the form <cluster>${DOMAIN_SUFFIX}`);
  const cluster = parseClusterName(domain.slice(0, -DOMAIN_SUFFIX.length));
  if (!cluster.ok) return err(`trust domain ${domain}: ${cluster.error}`);
  const [node, ...more] = rest;
  if (kind === 'agent' && node !== undefined && isDnsSubdomain(node) && more.length === 0) {
    return ok({ role: 'agent', cluster: cluster.value, node });
  }
  if (isPlainRole(kind) && node === undefined) return ok({ role: kind, cluster: cluster.value });
  return err(`no role has the path /${[kind, ...rest].join('/')}`);
}

const isPlainRole = (kind: string): kind is Exclude<CertificateRole['role'], 'agent'> =>
  kind === 'apiserver' || kind === 'peer' || kind === 'admin' || kind === 'metrics';

/** What Cilium's clients dial, and expect to find in the certificate of a door. */
export const doorDnsName = (cluster: ClusterName): string => `${cluster}.mesh.cilium.io`;

/** What agents expect of the API servers that they subscribe to, whatever address these have. */
export const rpcDnsName = (cluster: ClusterName): string => `rpc.${cluster}.clustermesh`;

/** What callers of an API server's HTTP API expect, whatever address they came to. */
export const httpDnsName = (cluster: ClusterName): string => `http.${cluster}.clustermesh`;

/** The CN by which the etcd of a Cilium cluster knows a remote cluster as its user. */
export const peerCommonName = (cluster: ClusterName): string => `remote-${cluster}`;

/** Of an API server towards its cluster's own etcd: the one client that this etcd lets in (`--client-cert-allowed-hostname`). */
export const etcdClientDnsName = (cluster: ClusterName): string => `etcd-client.${cluster}.clustermesh`;

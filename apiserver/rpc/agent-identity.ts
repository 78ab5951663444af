// Which agent a client certificate speaks for. The chain has been checked by TLS against the own cluster's authority; here it is
// read who is named: an agent of this cluster, and nothing else. A peer's certificate, an administrator's, or one that names
// two is refused.

import { parseRoleUri } from '../../mesh/model/certificate-names.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';

/** `subjectAltName` as Node prints it: entries of `KIND:value`, where values with separators in them are quoted. */
export function agentNode(subjectAltName: string | undefined, cluster: ClusterName): Result<string, string> {
  const uris = (subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('URI:'));
  const [uri, ...others] = uris;
  if (uri === undefined || others.length > 0) return err(`the certificate names ${uris.length} URIs instead of one`);
  const role = parseRoleUri(uri.slice('URI:'.length));
  if (!role.ok) return err(`the certificate's URI: ${role.error}`);
  if (role.value.cluster !== cluster)
    return err(`the certificate is for cluster ${role.value.cluster}, not ${cluster}`);
  if (role.value.role !== 'agent') return err(`the certificate is for the role ${role.value.role}, not for an agent`);
  return ok(role.value.node);
}

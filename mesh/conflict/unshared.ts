// CM-SVC-010: a service of one name is shared by some clusters and published, but not shared, by another. That may be meant, so it
// is information. A service that a cluster does not publish at all is not seen: it cannot be told from one that is not there.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import type { Drafts } from './drafts.ts';
import { soleFingerprint } from './finding.ts';

export interface PartlyShared {
  readonly key: ServiceKey;
  /** Both in name order, and neither empty. */
  readonly sharing: readonly ClusterName[];
  readonly unshared: readonly ClusterName[];
}

export function unsharedDrafts({ key, sharing, unshared }: PartlyShared, drafts: Drafts): void {
  const code = 'CM-SVC-010';
  const [first] = sharing;
  if (first === undefined) return;
  const service = { kind: 'service', key, value: '' };
  for (const cluster of unshared) {
    drafts.add(code, cluster, () => ({
      code,
      subject: { cluster, ...service },
      other: sharing.length === 1 ? { cluster: first, ...service } : { clusters: sharing, ...service },
      evidence: { shared_by: sharing },
      winner: null,
      fingerprint: soleFingerprint(code, cluster, key),
    }));
  }
}

// CM-REC-002: a cluster says more than it may. What is too much is counted where it comes in; here it becomes a finding.

import type { ClusterName } from '../model/names.ts';
import type { Drafts } from './drafts.ts';
import type { QuotaFact } from './facts.ts';
import { soleFingerprint } from './finding.ts';

export function quotaDraft(cluster: ClusterName, fact: QuotaFact, drafts: Drafts): void {
  const code = 'CM-REC-002';
  if (fact.excess === 0 && !fact.tooFast) return;
  drafts.add(code, cluster, () => ({
    code,
    subject: { cluster, kind: 'quota', key: 'cilium/state/', value: `${fact.records} records, ${fact.bytes} bytes` },
    other: 'local',
    evidence: {
      excess_records: fact.excess,
      changes_held_back: fact.tooFast,
      limits: {
        records: fact.recordsMax,
        bytes: fact.bytesMax,
        changes_per_second: fact.changesPerSecondMax,
      },
    },
    winner: null,
    fingerprint: soleFingerprint(code, cluster),
  }));
}

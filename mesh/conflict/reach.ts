// CM-SVC-011: a service of the local cluster whose backends are all in clusters that nobody vouches for at the moment. It
// needs a point of view, because what is withheld depends on it.

import type { ClusterName } from '../model/names.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Drafts } from './drafts.ts';
import type { MeshEvaluation } from './evaluation.ts';
import { soleFingerprint } from './finding.ts';
import type { RecordIndexes } from './record-indexes.ts';
import type { RecordState } from './record-state.ts';
import { backendsOf, readRecord } from './record-value.ts';

export function reachDrafts({ local, clusters, indexes }: MeshEvaluation, drafts: Drafts): void {
  if (local === undefined) return;
  for (const [key, constituents] of indexes.services.several()) {
    const own = indexes.services.recordOf(key, local);
    if (own === undefined || hasBackends(own, indexes)) continue;
    const doubts: (readonly [cluster: ClusterName, doubt: string])[] = [];
    const isVouchedFor = constituents.some(({ cluster, record }) => {
      if (record === own || !hasBackends(record, indexes)) return false;
      const doubt = doubtOf(record, clusters.get(cluster), indexes);
      if (doubt !== undefined) doubts.push([cluster, doubt]);
      return doubt === undefined;
    });
    const [first] = doubts;
    if (isVouchedFor || first === undefined) continue;
    const names = doubts.map(([cluster]) => cluster).sort();
    const code = 'CM-SVC-011';
    drafts.add(code, local, () => ({
      code,
      subject: { cluster: local, kind: 'service', key, value: '' },
      other: {
        ...(names.length === 1 ? { cluster: first[0] } : { clusters: names }),
        kind: 'service',
        key,
        value: '',
      },
      evidence: {
        service: key,
        clusters: Object.fromEntries(doubts),
      },
      winner: null,
      fingerprint: soleFingerprint(code, local, key),
    }));
  }
}

const hasBackends = (record: RecordState, indexes: RecordIndexes): boolean =>
  indexes.partsOf(record).some(({ good }) => good !== undefined && backendsOf(good.value).length > 0);

function doubtOf(record: RecordState, cluster: ClusterState | undefined, indexes: RecordIndexes): string | undefined {
  const state = cluster?.declarations.freshness?.state;
  if (state === 'stale' || state === 'expired') return state;
  if (record.admitted === undefined) return 'withheld';
  const parts = indexes.partsOf(record);
  if (parts.every(({ holds }) => holds.length === 0)) return undefined;
  return parts.some(admitsBackends) ? undefined : 'withheld';
}

function admitsBackends({ kind, key, admitted, good, holds }: RecordState): boolean {
  if (holds.length === 0) return good !== undefined && backendsOf(good.value).length > 0;
  const read = admitted === undefined ? undefined : readRecord(kind, key, admitted);
  return read?.ok === true && backendsOf(read.value.value).length > 0;
}

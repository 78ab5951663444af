// How many records of each peer are withheld, by kind: for metrics. Counted when asked, over what is withheld alone.

import { kindOfRecord } from '../../mesh/conflict/record-value.ts';
import type { AdmissionEngine } from '../admission/engine.ts';

export interface WithheldCount {
  readonly peer: string;
  readonly kind: string;
  readonly count: number;
}

export function withheldCounts(admission: Pick<AdmissionEngine, 'peers' | 'quarantine'>): readonly WithheldCount[] {
  return admission.peers.flatMap((peer) => {
    const counts = new Map<string, number>();
    for (const key of admission.quarantine(peer).keys()) {
      const kind = kindOfRecord(key) ?? 'other';
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return [...counts].map(([kind, count]) => ({ peer, kind, count }));
  });
}

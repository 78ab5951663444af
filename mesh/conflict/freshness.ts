// How old what a cluster says may be, and the findings about it: CM-FRESH-001 to 003. Freshness follows from the silence since the
// last heartbeat alone; what it leads to (deprioritised, withdrawn) is decided by the merge.

import type { ClusterName } from '../model/names.ts';
import type { Drafts } from './drafts.ts';
import type { Freshness, FreshnessFact } from './facts.ts';
import { type Severity, soleFingerprint } from './finding.ts';

export interface FreshnessLimits {
  readonly ageingMs: number;
  readonly staleMs: number;
  readonly expiredMs: number;
}

/** Our own doors heartbeat every 3 s: three missed ones are noticed, a minute is not chance. */
export const CARD_LIMITS: FreshnessLimits = { ageingMs: 10_000, staleMs: 60_000, expiredMs: 900_000 };
/** Plain Cilium clusters heartbeat every 60 s. */
export const PLAIN_LIMITS: FreshnessLimits = { ageingMs: 75_000, staleMs: 150_000, expiredMs: 900_000 };

export function freshnessAt(silenceMs: number, limits: FreshnessLimits): Freshness {
  if (silenceMs >= limits.expiredMs) return 'expired';
  if (silenceMs >= limits.staleMs) return 'stale';
  return silenceMs >= limits.ageingMs ? 'ageing' : 'fresh';
}

const SEVERITY: Readonly<Record<Exclude<Freshness, 'fresh'>, Severity>> = {
  ageing: 'info',
  stale: 'warning',
  expired: 'error',
};

export function freshnessDrafts(cluster: ClusterName, fact: FreshnessFact, plain: boolean, drafts: Drafts): void {
  const { state, lastHeartbeatAt, synced, historyLost } = fact;
  const subject = { cluster, kind: 'heartbeat', key: 'cilium/.heartbeat', value: state };
  if (state !== 'fresh') {
    const limits = plain ? PLAIN_LIMITS : CARD_LIMITS;
    drafts.add('CM-FRESH-001', cluster, () => ({
      code: 'CM-FRESH-001',
      severity: SEVERITY[state],
      subject,
      other: 'local',
      evidence: {
        state,
        // The moment, not the age: a finding that lasts stays the same.
        last_heartbeat: lastHeartbeatAt === undefined ? null : new Date(lastHeartbeatAt).toISOString(),
        default_limits_ms: { ageing: limits.ageingMs, stale: limits.staleMs, expired: limits.expiredMs },
      },
      winner: null,
      fingerprint: soleFingerprint('CM-FRESH-001', cluster),
    }));
  }
  if (synced === false) {
    drafts.add('CM-FRESH-002', cluster, () => ({
      code: 'CM-FRESH-002',
      subject: { cluster, kind: 'cluster', key: `cilium/synced/${cluster}/`, value: '' },
      other: 'local',
      evidence: { synced: false },
      winner: null,
      fingerprint: soleFingerprint('CM-FRESH-002', cluster),
    }));
  }
  if (historyLost !== undefined) {
    const { before, after } = historyLost;
    drafts.add('CM-FRESH-003', cluster, () => ({
      code: 'CM-FRESH-003',
      subject: { cluster, kind: 'etcd', key: '', value: after },
      other: 'local',
      evidence: { before, after },
      winner: null,
      fingerprint: soleFingerprint('CM-FRESH-003', cluster),
    }));
  }
}

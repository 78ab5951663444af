// How old what a peer says may be. Freshness follows from the silence since the peer's last heartbeat alone; what it leads
// to is decided elsewhere (merge, findings).

export type Freshness = 'fresh' | 'ageing' | 'stale' | 'expired';

export interface FreshnessLimits {
  readonly ageingMs: number;
  readonly staleMs: number;
  readonly expiredMs: number;
}

/** `silenceMs`: since the last heartbeat, or since the peer was configured when none ever came. */
export function freshnessOf(silenceMs: number, limits: FreshnessLimits): Freshness {
  if (silenceMs >= limits.expiredMs) return 'expired';
  if (silenceMs >= limits.staleMs) return 'stale';
  return silenceMs >= limits.ageingMs ? 'ageing' : 'fresh';
}

// Time as all processes of this machine see it: CLOCK_MONOTONIC, in milliseconds with fractions. And what becomes of many of them.

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface Figures {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** In milliseconds, by the nearest rank. */
export function figuresOf(samples: readonly number[]): Figures {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return { count: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}

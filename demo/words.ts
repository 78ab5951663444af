// Figures as people read them.

import type { Evidence, Sample } from './evidence.ts';

export const milliseconds = (ms: number | undefined): string =>
  ms === undefined ? 'not in time' : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** `west 102, central 98, east 100` */
export const byName = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'nobody';

/** `300 requests, 0 failed: west 102, …`; programmed backends where no packet is forwarded. */
export function sampleText({ requests, failed, byCluster, errors }: Sample, { kind, unit }: Evidence): string {
  if (kind === 'programmed') return `${unit}: ${byName(byCluster)}`;
  const failures = failed === 0 ? '0 failed' : `${failed} failed (${byName(errors)})`;
  return `${requests} requests, ${failures}: ${byName(byCluster)}`;
}

/** The figures of a sample, to stand in a step's. */
export const sampleFigures = ({ requests, failed, byCluster }: Sample, { kind }: Evidence) =>
  kind === 'programmed' ? { backends_by_cluster: byCluster } : { requests, failed, requests_by_cluster: byCluster };

// The short version of the benchmark keeps its bounds, which are ratios and counts: a change that makes the control plane cost by
// the size of the mesh fails here. Needs etcd, and `npm run build` before.

import { describe, expect, test } from 'vitest';
import { skippedWithout } from '../../lab/installed.ts';
import { exceeded } from './bounds.ts';
import { figuresOfRun } from './plots.ts';
import { SILENT } from './progress.ts';
import { runMesh } from './run.ts';
import { SHORT } from './size.ts';

describe.skipIf(skippedWithout('etcd'))('a mesh of many clusters', () => {
  test('costs no more than its bounds', { timeout: 300_000 }, async () => {
    const results = await runMesh(
      {
        size: SHORT,
        datapath: 'memory',
        measures: new Set(['bare', 'live', 'churn', 'large', 'publish', 'agents', 'storm']),
        churn: { rates: { endpoints: 45, nodes: 4, identities: 1, services: 1 }, seconds: 3, seed: 1 },
        largeBackends: 2_000,
        agents: 10,
        costRounds: 1,
      },
      SILENT,
      new AbortController().signal,
    );
    expect(results.failed).toBeUndefined();
    expect(exceeded(results), JSON.stringify(results, undefined, 2)).toEqual([]);
    // All through the run somebody looked, also at what waits.
    expect(results.timeline.phases.map(({ name }) => name)).toContain('storm');
    expect(results.timeline.samples.some(({ queues }) => Object.keys(queues ?? {}).length > 6)).toBe(true);
    expect(figuresOfRun(results).map(({ name }) => name)).toContain('latency');
    // How many changes there is time for depends on the machine; that each has arrived does not.
    expect(results.churn?.putToMap.count).toBeGreaterThan(0);
  });
});

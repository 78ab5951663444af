// Given what a run of two clusters could have found, reports and figures tell it, and leave out what was not measured.

import { expect, test } from 'vitest';
import { curveFigures, curveTable } from './curve.ts';
import { figuresOfRun } from './plots.ts';
import { markdownReport } from './report.ts';
import type { Results } from './results.ts';
import { sizingReport } from './sizing.ts';

const rss = { before: 50 * 2 ** 20, after: 80 * 2 ** 20 };
const cpuMs = { apiserver: 300, agent: 80, etcd: 20, player: 70 };

const found = (clusters: number): Results => ({
  size: { clusters, nodes: 1, identities: 1, endpoints: 10, services: 1, backends: 5 },
  datapath: 'memory',
  played: { records: 13 * clusters, bytes: 4_000 * clusters },
  bare: { ms: 100, cpuMs: 100, records: 13 * clusters, bytes: 4_000 * clusters, progress: [[50, 13]] },
  bootstrap: {
    ms: 400,
    cpuMs,
    rssBytes: { apiserver: rss, agent: rss, etcd: rss, player: rss },
    apiServerBytesPerEndpoint: 1_000,
    agentBytesPerBackend: 500,
  },
  live: undefined,
  churn: undefined,
  large: undefined,
  publish: undefined,
  agents: undefined,
  storm: undefined,
  silence: undefined,
  restart: undefined,
  loops: [{ process: 'apiserver', p999: 12, max: 40, ownP999: 9, ownMax: 31 }],
  failed: undefined,
  timeline: {
    phases: [{ name: 'bootstrap', fromMs: 0, toMs: 400 }],
    samples: [
      {
        atMs: 200,
        processes: { apiserver: { cpuMs: 10, rssBytes: 1 } },
        queues: { 'API server: reflect': 7 },
        admitted: 13,
      },
      { atMs: 600, processes: { apiserver: { cpuMs: 50, rssBytes: 2 } }, admitted: 26, programmed: 10 },
    ],
  },
});

test('a report has what was measured, and says which target is missed', () => {
  const report = markdownReport(found(2));
  expect(report).toContain('| bootstrap | 400 ms, 4.00 × the bare copy |');
  expect(report).toContain('| bootstrap, against the bare copy | 4.00 × | ≤ 3.00 × | missed |');
  expect(report).not.toContain('churn');
});

test('what could not be measured is said', () => {
  const report = markdownReport({ ...found(2), failed: { measure: 'storm', reason: 'nobody came back' } });
  expect(report).toContain('storm could not be measured, nor what follows it: nobody came back');
});

test('each figure of a run is one, also of what nobody measured', () => {
  const figures = figuresOfRun(found(2));
  expect(figures.map(({ name }) => name)).toEqual(['bootstrap', 'queues', 'memory', 'cpu', 'loops']);
  for (const { svg } of figures) {
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/s);
    expect(svg).not.toContain('NaN');
  }
});

test('a bootstrap is drawn in shares of what there is in the end', () => {
  const bootstrap = figuresOfRun(found(2)).find(({ name }) => name === 'bootstrap')?.svg ?? '';
  // Half of the records after half of the time, then all of them.
  const [, admitted] = [...bootstrap.matchAll(/polyline points="([^"]+)"/g)].map(([, points]) => points);
  const [first, half, whole] = (admitted ?? '').split(' ').map((point) => Number(point.split(',')[1]));
  expect(((first ?? 0) + (whole ?? 0)) / 2).toBe(half);
});

test('several sizes are a table and curves, without what no run has measured', () => {
  const all = [found(2), found(4)];
  const [head, , ...rows] = curveTable(all).split('\n');
  expect(head).toBe(
    '| clusters | records | bare copy | bootstrap | against bare | the same in CPU | API server CPU | agent CPU |',
  );
  expect(rows.map((row) => row.split(' | ')[1])).toEqual(['26', '52']);
  expect(curveFigures(all).map(({ name }) => name)).toEqual(['curve-bootstrap', 'curve-memory']);
});

test('sizes that nobody has measured follow from one item', () => {
  const rows = sizingReport([found(2), found(4)]).split('\n');
  expect(rows.find((row) => row.startsWith('| 100 |'))).toMatch(/^\| 100 \| 1,300 \| 391 KiB \|/);
});

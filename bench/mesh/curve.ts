// What runs over meshes of several sizes have found beside each other: a table and figures over the number of clusters. What follows the
// mesh grows along a straight line here, and what follows the change does not grow. Pure.

import { table } from '../markdown-section.ts';
import { drawPlot, type Line, type Plot } from '../svg.ts';
import type { Scale } from '../svg-axis.ts';
import { cpuToBare } from './bounds.ts';
import { bytes, ms, rounded } from './format.ts';
import type { Figure } from './plots.ts';
import type { Results } from './results.ts';
import { remoteBackends } from './size.ts';

type Value = (results: Results) => number | undefined;

interface Column {
  readonly name: string;
  readonly of: Value;
  readonly show: (value: number) => string;
}

const clustersOf = ({ size }: Results): number => size.clusters;
const liveOf =
  (process: 'apiserver' | 'agent', items: (results: Results) => number): Value =>
  (results) =>
    results.live && (results.live[process].after - results.live[process].before) / items(results);
const endpointsOf = ({ size }: Results): number => size.clusters * size.endpoints;
const backendsOf = ({ size }: Results): number => remoteBackends(size);
const times = (value: number): string => `${rounded(value)} ×`;
const percent = (value: number): string => `${rounded(value)} %`;

const COLUMNS: readonly Column[] = [
  { name: 'records', of: ({ played }) => played.records, show: (value) => value.toLocaleString('en') },
  { name: 'bare copy', of: ({ bare }) => bare?.ms, show: ms },
  { name: 'bootstrap', of: ({ bootstrap }) => bootstrap.ms, show: ms },
  { name: 'against bare', of: ({ bare, bootstrap }) => bare && bootstrap.ms / bare.ms, show: times },
  { name: 'the same in CPU', of: cpuToBare, show: times },
  { name: 'API server CPU', of: ({ bootstrap }) => bootstrap.cpuMs.apiserver, show: ms },
  { name: 'agent CPU', of: ({ bootstrap }) => bootstrap.cpuMs.agent, show: ms },
  { name: 'API server, live, per endpoint', of: liveOf('apiserver', endpointsOf), show: bytes },
  { name: 'agent, live, per backend', of: liveOf('agent', backendsOf), show: bytes },
  { name: 'put to maps, p50', of: ({ churn }) => churn?.putToMap.p50, show: ms },
  { name: 'p99', of: ({ churn }) => churn?.putToMap.p99, show: ms },
  { name: 'API server in churn', of: ({ churn }) => churn?.cpuPercent.apiserver, show: percent },
  { name: 'all reconnect', of: ({ storm }) => storm?.backMs, show: ms },
];

export function curveTable(all: readonly Results[]): string {
  const columns = COLUMNS.filter(({ of }) => all.some((results) => of(results) !== undefined));
  const rows = all.map((results) => [
    String(clustersOf(results)),
    ...columns.map(({ of, show }) => {
      const value = of(results);
      return value === undefined ? '' : show(value);
    }),
  ]);
  return table(['clusters', ...columns.map(({ name }) => name)], rows);
}

export function curveFigures(all: readonly Results[]): readonly Figure[] {
  const sizes: Scale = { type: 'log', ticks: all.map(clustersOf).map((at) => ({ at, label: String(at) })) };
  const line = (name: string, of: Value): Line => ({
    name,
    points: all.flatMap((results) => {
      const value = of(results);
      return value === undefined ? [] : [[clustersOf(results), value] as const];
    }),
  });
  const figure = (name: string, says: string, plot: Pick<Plot, 'y' | 'yScale' | 'lines'>): readonly Figure[] => {
    const lines = plot.lines.filter(({ points }) => points.length > 0);
    if (lines.length === 0) return [];
    return [{ name, says, svg: drawPlot({ title: says, x: 'clusters', xScale: sizes, ...plot, lines }) }];
  };
  const seconds =
    (of: Value): Value =>
    (results) => {
      const value = of(results);
      return value && value / 1_000;
    };
  return [
    ...figure('curve-bootstrap', 'A bootstrap, by the size of the mesh', {
      y: 'seconds',
      lines: [
        line(
          'bootstrap',
          seconds(({ bootstrap }) => bootstrap.ms),
        ),
        line(
          'bare copy',
          seconds(({ bare }) => bare?.ms),
        ),
        line(
          'API server CPU',
          seconds(({ bootstrap }) => bootstrap.cpuMs.apiserver),
        ),
        line(
          'agent CPU',
          seconds(({ bootstrap }) => bootstrap.cpuMs.agent),
        ),
        line(
          'etcd CPU',
          seconds(({ bootstrap }) => bootstrap.cpuMs.etcd),
        ),
      ],
    }),
    ...figure('curve-memory', 'Memory of one item, by the size of the mesh', {
      y: 'bytes',
      lines: [
        line('API server, per endpoint', ({ bootstrap }) => bootstrap.apiServerBytesPerEndpoint),
        line('API server, live', liveOf('apiserver', endpointsOf)),
        line('agent, per backend', ({ bootstrap }) => bootstrap.agentBytesPerBackend),
        line('agent, live', liveOf('agent', backendsOf)),
      ],
    }),
    ...figure('curve-churn', 'From a put to the maps in churn, by the size of the mesh', {
      y: 'milliseconds',
      lines: [
        line('p99', ({ churn }) => churn?.putToMap.p99),
        line('p95', ({ churn }) => churn?.putToMap.p95),
        line('p50', ({ churn }) => churn?.putToMap.p50),
      ],
    }),
    ...figure('curve-cpu', 'CPU in churn, by the size of the mesh', {
      y: '% of one core',
      yScale: { type: 'linear' },
      lines: [
        line('API server', ({ churn }) => churn?.cpuPercent.apiserver),
        line('agent', ({ churn }) => churn?.cpuPercent.agent),
        line('etcd', ({ churn }) => churn?.cpuPercent.etcd),
      ],
    }),
  ];
}

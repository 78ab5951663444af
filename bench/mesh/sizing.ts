// How much memory and CPU a cluster needs for a mesh of any size, worked out from the cost of one item: a line through what was there
// without any peer, as close as it gets to what was measured with 10, 50 or 250 of them. Larger meshes weigh more, as they do for whoever
// sizes. Pure.

import { table } from '../markdown-section.ts';
import { bytes, ms, rounded } from './format.ts';
import type { Results } from './results.ts';
import { remoteBackends } from './size.ts';
import type { Process } from './stage.ts';

/** The sizes that somebody plans for; 511 is what Cilium's identities have room for. */
export const PLANNED_CLUSTERS = [10, 100, 250, 511];

interface Quantity {
  readonly name: string;
  /** What it grows with. */
  readonly per: string;
  readonly items: (results: Results) => number;
  /** Without any peer. */
  readonly base: (results: Results) => number;
  readonly found: (results: Results) => number;
  readonly show: (value: number) => string;
  /** Of one item; finer than `show` where one is small. */
  readonly showEach: (value: number) => string;
}

/** At its most until everything is programmed: what comes later needs less. */
function residentMost({ bootstrap, timeline }: Results, process: Process): number {
  const phase = timeline.phases.find(({ name }) => name === 'bootstrap');
  const during = timeline.samples.filter(
    ({ atMs }) => phase !== undefined && atMs >= phase.fromMs && atMs <= phase.toMs,
  );
  return Math.max(bootstrap.rssBytes[process].after, ...during.map((at) => at.processes[process]?.rssBytes ?? 0));
}

const micros = (value: number): string => `${rounded(1_000 * value)} µs`;
const recordsOf = ({ played }: Results): number => played.records;
const nothing = (): number => 0;

const QUANTITIES: readonly Quantity[] = [
  {
    name: 'etcd, keys and values',
    per: 'record',
    items: recordsOf,
    base: nothing,
    found: ({ played }) => played.bytes,
    show: bytes,
    showEach: bytes,
  },
  {
    name: 'API server, resident',
    per: 'remote endpoint',
    items: ({ size }) => size.clusters * size.endpoints,
    base: ({ bootstrap }) => bootstrap.rssBytes.apiserver.before,
    found: (results) => residentMost(results, 'apiserver'),
    show: bytes,
    showEach: bytes,
  },
  {
    name: 'API server, CPU until all is written',
    per: 'record',
    items: recordsOf,
    base: nothing,
    found: ({ bootstrap }) => bootstrap.cpuMs.apiserver,
    show: ms,
    showEach: micros,
  },
  {
    name: 'agent, resident',
    per: 'remote backend',
    items: ({ size }) => remoteBackends(size),
    base: ({ bootstrap }) => bootstrap.rssBytes.agent.before,
    found: (results) => residentMost(results, 'agent'),
    show: bytes,
    showEach: bytes,
  },
  {
    name: 'agent, CPU until all is programmed',
    per: 'remote backend',
    items: ({ size }) => remoteBackends(size),
    base: nothing,
    found: ({ bootstrap }) => bootstrap.cpuMs.agent,
    show: ms,
    showEach: micros,
  },
];

export interface Cost {
  readonly base: number;
  readonly each: number;
}

/** The line through (0, base) that is closest to all points in the sum of squares. */
export function fittedCost(
  points: readonly { readonly items: number; readonly base: number; readonly found: number }[],
): Cost {
  const base = points.reduce((sum, point) => sum + point.base, 0) / points.length;
  const products = points.reduce((sum, { items, found }) => sum + items * (found - base), 0);
  return { base, each: products / points.reduce((sum, { items }) => sum + items * items, 0) };
}

/** Two tables: the cost of one item, and what follows for the sizes that are planned for. */
export function sizingReport(all: readonly Results[]): string {
  const [first] = all;
  if (first === undefined) return '';
  const costs = QUANTITIES.map((quantity) => {
    const { base, items, found } = quantity;
    return {
      quantity,
      ...fittedCost(all.map((results) => ({ base: base(results), items: items(results), found: found(results) }))),
    };
  });
  const rows = PLANNED_CLUSTERS.map((clusters) => {
    // Every cluster has the same load.
    const times = clusters / first.size.clusters;
    const planned = costs.map(({ quantity, base, each }) => quantity.show(base + each * times * quantity.items(first)));
    return [String(clusters), Math.round(times * recordsOf(first)).toLocaleString('en'), ...planned];
  });
  return [
    table(
      ['cost of one', 'without any peer', 'of each', ''],
      costs.map(({ quantity, base, each }) => [
        quantity.name,
        quantity.show(base),
        quantity.showEach(each),
        quantity.per,
      ]),
    ),
    table(['clusters', 'records', ...QUANTITIES.map(({ name }) => name)], rows),
  ].join('\n\n');
}

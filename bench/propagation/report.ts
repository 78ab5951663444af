// What was measured, for people, for scripts and for the document. Also what is aimed at.

import { cpus, release } from 'node:os';
import { machineLine, table } from '../markdown-section.ts';
import type { Figures } from './moments.ts';

/** Against the bare put → watch of the same run. */
const P50_RATIO_MAX = 5;
const P99_MS_MAX = 50;

export interface Results {
  readonly command: string;
  readonly valueBytes: number;
  /** What else kept the machine busy; absent when it was idle. */
  readonly disturbed: string | undefined;
  /** A bare put → watch on the etcd that is changed. */
  readonly raw: Figures;
  /** Put in one cluster's etcd → first connect in the other. */
  readonly propagation: Figures;
  /** From the put to each place on the way, in the order of the medians. */
  readonly hops: ReadonlyMap<string, Figures>;
}

const ratioOf = ({ raw, propagation }: Results): number => propagation.p50 / raw.p50;

export const isWithinTargets = (results: Results): boolean =>
  ratioOf(results) <= P50_RATIO_MAX && results.propagation.p99 <= P99_MS_MAX;

const RAW = 'bare etcd: put → watch';
const PROPAGATION = 'put in east → first connect in west';

export function textReport(results: Results): string {
  const { raw, propagation, hops, disturbed, valueBytes } = results;
  const [processor] = cpus();
  const columns = ({ p50, p99, max }: Figures) => [p50, p99, max].map((ms) => ms.toFixed(2).padStart(9)).join('');
  const row = (name: string, figures: Figures) => name.padEnd(36) + columns(figures);
  return [
    `${cpus().length} × ${processor?.model}, Linux ${release()}, Node ${process.version}; ${propagation.count} changes, ${valueBytes} B`,
    '',
    'milliseconds'.padEnd(36) + ['p50', 'p99', 'max'].map((head) => head.padStart(9)).join(''),
    row(RAW, raw),
    row(PROPAGATION, propagation),
    '',
    `p50 is ${ratioOf(results).toFixed(2)} × the bare one (target: at most ${P50_RATIO_MAX}); p99 ${propagation.p99.toFixed(1)} ms (target: at most ${P99_MS_MAX})`,
    ...(hops.size === 0 ? [] : ['', 'from the put, with somebody listening at each hop:']),
    ...[...hops].map(([hop, figures]) => row(`  ${hop}`, figures)),
    ...(disturbed === undefined ? [] : ['', `The machine was not idle: ${disturbed}.`]),
    '',
    isWithinTargets(results) ? 'Within the targets.' : 'Not within the targets.',
  ].join('\n');
}

export function jsonReport(results: Results): object {
  const { raw, propagation, hops, disturbed, valueBytes } = results;
  const round = (ms: number) => Math.round(ms * 100) / 100;
  const figures = ({ count, p50, p99, max }: Figures) => ({
    count,
    p50_ms: round(p50),
    p99_ms: round(p99),
    max_ms: round(max),
  });
  return {
    schema_version: 1,
    ok: isWithinTargets(results),
    machine: { cpu: cpus()[0]?.model, cpus: cpus().length, kernel: release(), node: process.version },
    ...(disturbed === undefined ? {} : { disturbed }),
    value_bytes: valueBytes,
    raw: figures(raw),
    propagation: figures(propagation),
    p50_ratio: round(ratioOf(results)),
    targets: { p50_ratio_max: P50_RATIO_MAX, p99_ms_max: P99_MS_MAX },
    hops: Object.fromEntries([...hops].map(([hop, at]) => [hop, figures(at)])),
  };
}

/** Its section in docs/performance.md. */
export function markdownReport(results: Results): string {
  const { raw, propagation, hops, disturbed, valueBytes } = results;
  const cells = ({ p50, p99, max }: Figures) => [p50, p99, max].map((ms) => ms.toFixed(2));
  const verdict = isWithinTargets(results) ? 'met' : 'missed';
  return [
    "## From one cluster's etcd to another's kernel",
    machineLine(results.command),
    `A backend appears in east's etcd: until a process on a node of west, which dials the service all the time, gets its first connect. An idle mesh of two clusters on one machine: two etcds without fsync, two API servers and an agent, each link under mutual TLS. ${propagation.count} changes of a value of ${valueBytes} bytes, each beside a bare put → watch of the same size on the same etcd.${disturbed === undefined ? '' : ` The machine was not idle: ${disturbed}.`}`,
    table(
      ['milliseconds', 'p50', 'p99', 'max'],
      [
        [RAW, ...cells(raw)],
        [PROPAGATION, ...cells(propagation)],
      ],
    ),
    `Target: p50 at most ${P50_RATIO_MAX} × the bare one, p99 at most ${P99_MS_MAX} ms: ${verdict} (${ratioOf(results).toFixed(2)} ×, ${propagation.p99.toFixed(1)} ms).`,
    'On the way, in a run of its own with somebody listening at each place, from the put:',
    table(
      ['seen at', 'p50', 'p99', 'max'],
      [...hops].map(([hop, at]) => [hop, ...cells(at)]),
    ),
  ].join('\n\n');
}

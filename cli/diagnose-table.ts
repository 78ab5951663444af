// A report for people: the verdict, the peers, one line for each check with its code, then for each finding what, why, effect
// and fix. Nothing is cut; long texts are wrapped.

import type { Finding, Severity } from '../mesh/conflict/finding.ts';
import { SEVERITIES } from '../mesh/conflict/finding.ts';
import type { CheckStatus, Report } from '../mesh/conflict/report.ts';
import type { Colours } from '../runtime/colours.ts';
import { explanationOf, partiesOf } from './diagnose-text.ts';
import { age, table } from './table.ts';
import { wrap } from './terminal.ts';

export interface TableOptions {
  readonly width: number;
  readonly colours: Colours;
}

/** `  effect  `: where the words of a finding begin. */
const WORDS_AT = 10;

export function renderReport(report: Report, options: TableOptions): string {
  const parts = [
    headOf(report, options),
    ...(report.peers.length === 0 ? [] : [peersOf(report)]),
    checksOf(report, options),
    ...report.findings.map((finding) => findingOf(finding, options)),
    ...(report.omitted.length === 0 ? [] : [omittedOf(report)]),
  ];
  return parts.join('\n\n');
}

function headOf({ cluster, verdict, generated_at, revision, summary }: Report, { colours }: TableOptions): string {
  const counts = SEVERITIES.map((severity) => `${summary.by_severity[severity]} ${severity}`).join(', ');
  const where = cluster === null ? "nobody's point of view" : `point of view of ${cluster}`;
  const at = revision === null ? '' : ` at revision ${revision}`;
  const paint = verdict === 'ok' ? colours.green : verdict === 'unknown' ? colours.yellow : colours.red;
  return `${colours.bold(paint(verdict))}: ${counts}\n${colours.dim(`${where}${at}, ${generated_at}`)}`;
}

function peersOf({ peers }: Report): string {
  return table(
    ['CLUSTER', 'FRESHNESS', 'HEARTBEAT', 'SYNCED', 'RECORDS', 'ADMITTED', 'WITHHELD'],
    peers.map((peer) => [
      peer.plain ? `${peer.name} (plain Cilium)` : peer.name,
      peer.freshness ?? '-',
      age(peer.age_ms ?? undefined),
      peer.synced === null ? '-' : peer.synced ? 'yes' : 'no',
      peer.records,
      peer.admitted,
      peer.quarantined,
    ]),
  );
}

function checksOf({ checks }: Report, { colours }: TableOptions): string {
  const paint: Readonly<Record<CheckStatus, (text: string) => string>> = {
    passed: colours.green,
    failed: colours.red,
    skipped: colours.dim,
    unknown: colours.yellow,
  };
  const [header = '', ...rows] = table(
    ['CHECK', 'STATUS', 'WHAT', 'RESULT'],
    checks.map(({ code, status, title, reason }) => [code, status, title, reason]),
  ).split('\n');
  const painted = rows.map((row, at) => {
    const status = checks[at]?.status ?? 'unknown';
    return row.replace(` ${status} `, ` ${paint[status](status)} `);
  });
  return [colours.bold(header), ...painted].join('\n');
}

function findingOf(finding: Finding, { width, colours }: TableOptions): string {
  const { what, why, effect, fix } = explanationOf(finding);
  const line = (word: string, text: string) => `  ${word.padEnd(WORDS_AT - 2)}${wrap(text, width, WORDS_AT)}`;
  const head = `${severityWord(finding.severity, colours)} ${colours.bold(finding.code)}  ${partiesOf(finding)}`;
  return [
    `${head}  ${colours.dim(`${finding.fingerprint}  since ${finding.since}`)}`,
    line('what', what),
    line('why', why),
    line('effect', effect),
    line('fix', fix),
    line('more', `clustermesh explain ${finding.code}`),
  ].join('\n');
}

function severityWord(severity: Severity, colours: Colours): string {
  if (severity === 'info') return colours.cyan(severity);
  return severity === 'warning' ? colours.yellow(severity) : colours.red(severity);
}

const omittedOf = ({ omitted }: Report): string =>
  omitted
    .map(({ code, cluster, count }) => `and ${count} more of ${code} at ${cluster}, which are not listed`)
    .join('\n');

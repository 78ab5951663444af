// The report that `/v1/conflicts` serves and `diagnose` prints: findings, what was checked, and how old the peers' state is.
// Assembled from parts that the rules made; nothing is judged here but the verdict.

import { catalogueRow } from './catalogue.ts';
import { type Category, clustersOf, compareFindings, type Finding, type Severity } from './finding.ts';
import { compareText } from './order.ts';

export type Verdict = 'ok' | 'degraded' | 'blocked' | 'unknown';
export type CheckStatus = 'passed' | 'failed' | 'skipped' | 'unknown';

/** One row of the catalogue, and whether it was looked at. */
export interface Check {
  readonly code: string;
  readonly title: string;
  readonly category: Category;
  readonly status: CheckStatus;
  readonly reason: string;
}

export interface ReportPeer {
  readonly name: string;
  /** A plain Cilium cluster: it has no card. */
  readonly plain: boolean;
  readonly freshness: 'fresh' | 'ageing' | 'stale' | 'expired' | null;
  /** Since its last heartbeat; null when none was seen. */
  readonly age_ms: number | null;
  /** Its first list is complete; null when that is not known. */
  readonly synced: boolean | null;
  readonly records: number;
  readonly admitted: number;
  readonly quarantined: number;
}

/** Findings that were counted and not listed: a peer at fault in everything must not make the report unreadable. */
export interface OmittedFindings {
  readonly code: string;
  readonly cluster: string;
  readonly count: number;
}

export interface Report {
  readonly schema_version: 1;
  /** RFC 3339 UTC. */
  readonly generated_at: string;
  /** The cluster whose point of view it is; null offline without one. */
  readonly cluster: string | null;
  readonly revision: number | null;
  readonly verdict: Verdict;
  readonly summary: {
    readonly by_severity: Readonly<Record<Severity, number>>;
    readonly by_category: { readonly [category: string]: number };
  };
  readonly findings: readonly Finding[];
  readonly omitted: readonly OmittedFindings[];
  readonly checks: readonly Check[];
  readonly peers: readonly ReportPeer[];
}

export interface ReportParts {
  readonly now: number;
  readonly cluster: string | undefined;
  readonly revision?: number | undefined;
  /** False while the cluster's own etcd is out of reach: what is shown may be old. */
  readonly ownStateCurrent: boolean;
  readonly findings: readonly Finding[];
  readonly omitted: readonly OmittedFindings[];
  readonly checks: readonly Check[];
  readonly peers: readonly ReportPeer[];
}

export function assembleReport(parts: ReportParts): Report {
  const findings = [...parts.findings].sort(compareFindings);
  return {
    schema_version: 1,
    generated_at: new Date(parts.now).toISOString(),
    cluster: parts.cluster ?? null,
    revision: parts.revision ?? null,
    verdict: verdictOf(findings, parts.checks, parts.ownStateCurrent),
    summary: summarise(findings, parts.omitted),
    findings,
    omitted: parts.omitted,
    checks: [...parts.checks].sort((a, b) => compareText(a.code, b.code)),
    peers: [...parts.peers].sort((a, b) => compareText(a.name, b.name)),
  };
}

/** Omitted findings never change the verdict: others of the same code and cluster are listed. */
function verdictOf(findings: readonly Finding[], checks: readonly Check[], ownStateCurrent: boolean): Verdict {
  if (findings.some(({ severity }) => severity === 'blocking')) return 'blocked';
  if (findings.some(({ severity }) => severity === 'error')) return 'degraded';
  if (!ownStateCurrent || checks.some(({ status }) => status === 'unknown')) return 'unknown';
  return 'ok';
}

export interface ReportFilter {
  readonly peer?: string | undefined;
  readonly severity?: string | undefined;
  readonly category?: string | undefined;
  readonly code?: string | undefined;
  /** `namespace/name` */
  readonly service?: string | undefined;
}

/** Fewer findings and checks; the verdict stays that of the mesh, which no filter makes healthier. */
export function filterReport(report: Report, filter: ReportFilter): Report {
  const findings = report.findings.filter((finding) => matches(finding, filter));
  const omitted = report.omitted.filter(
    ({ code, cluster }) =>
      filter.service === undefined &&
      allows(filter.code, code) &&
      allows(filter.peer, cluster) &&
      allows(filter.category, catalogueRow(code).category) &&
      allows(filter.severity, catalogueRow(code).severity),
  );
  return {
    ...report,
    summary: summarise(findings, omitted),
    findings,
    omitted,
    checks: report.checks.filter((check) => allows(filter.code, check.code) && allows(filter.category, check.category)),
    peers: report.peers.filter(({ name }) => allows(filter.peer, name)),
  };
}

const allows = (wanted: string | undefined, value: string): boolean => wanted === undefined || wanted === value;

function matches(finding: Finding, { peer, severity, category, code, service }: ReportFilter): boolean {
  return (
    (peer === undefined || clustersOf(finding).includes(peer)) &&
    allows(severity, finding.severity) &&
    allows(category, finding.category) &&
    allows(code, finding.code) &&
    (service === undefined || concerns(finding, service))
  );
}

const concerns = (finding: Finding, service: string): boolean =>
  finding.effect.services.includes(service) || (finding.subject.kind === 'service' && finding.subject.key === service);

function summarise(findings: readonly Finding[], omitted: readonly OmittedFindings[]): Report['summary'] {
  const bySeverity: Record<Severity, number> = { blocking: 0, error: 0, warning: 0, info: 0 };
  const byCategory = new Map<string, number>();
  const count = (severity: Severity, category: Category, amount: number) => {
    bySeverity[severity] += amount;
    byCategory.set(category, (byCategory.get(category) ?? 0) + amount);
  };
  for (const { severity, category } of findings) count(severity, category, 1);
  for (const { code, count: amount } of omitted) {
    const { severity, category } = catalogueRow(code);
    count(severity, category, amount);
  }
  return { by_severity: bySeverity, by_category: Object.fromEntries([...byCategory].sort()) };
}

// From an evaluation to findings, checks and a report; and the whole way from facts, for whoever has no evaluation that is
// kept current: offline diagnosis, the plan of a join, and the tests that prove the incremental one right.

import { catalogueRow, docsAnchor, remediation, severityAt } from './catalogue.ts';
import { checksOf } from './checks.ts';
import { clockDraft } from './config.ts';
import { Drafts } from './drafts.ts';
import { effectsOf } from './effects.ts';
import { MeshEvaluation } from './evaluation.ts';
import type { MeshFacts } from './facts.ts';
import { compareFindings, type Draft, type Effect, type Finding, NO_EFFECT } from './finding.ts';
import { freshnessDrafts } from './freshness.ts';
import { compareText } from './order.ts';
import { quotaDraft } from './quota.ts';
import { reachDrafts } from './reach.ts';
import { recordDrafts } from './record-drafts.ts';
import {
  assembleReport,
  type Check,
  type CheckStatus,
  type OmittedFindings,
  type Report,
  type ReportPeer,
} from './report.ts';
import { unsharedDrafts } from './unshared.ts';

export interface Assessment {
  readonly findings: readonly Finding[];
  readonly omitted: readonly OmittedFindings[];
  readonly checks: readonly Check[];
}

/** When each finding was first seen; a finding that is not remembered begins now. */
export type Memory = ReadonlyMap<string, number>;

const NO_MEMORY: Memory = new Map();

export function assess(evaluation: MeshEvaluation, now: number, memory: Memory = NO_MEMORY): Assessment {
  const drafts = new Drafts();
  for (const draft of evaluation.clusterDrafts.kept) drafts.add(draft.code, draft.subject.cluster, () => draft);
  recordDrafts(evaluation, drafts);
  for (const { name, standing, declarations } of [...evaluation.clusters.values()].sort((a, b) =>
    compareText(a.name, b.name),
  )) {
    if (declarations.freshness !== undefined) freshnessDrafts(name, declarations.freshness, standing.plain, drafts);
    if (declarations.quota !== undefined) quotaDraft(name, declarations.quota, drafts);
    if (declarations.clockOffsetMs !== undefined) clockDraft(standing, declarations.clockOffsetMs, drafts);
  }
  reachDrafts(evaluation, drafts);
  for (const service of evaluation.indexes.services.partlyShared()) unsharedDrafts(service, drafts);
  const omitted = [...evaluation.clusterDrafts.omitted, ...drafts.omitted];
  const effects = effectsOf(evaluation.clusters, evaluation.context.holds);
  const findings = drafts.kept.map((draft) =>
    finish(draft, { local: evaluation.local, now, since: memory.get(draft.fingerprint) ?? now, effects }),
  );
  return { findings: findings.sort(compareFindings), omitted, checks: checksOf(evaluation, drafts.kept, omitted) };
}

export interface Finishing {
  readonly local: string | undefined;
  readonly now: number;
  readonly since: number;
  readonly effects: ReadonlyMap<string, Effect>;
}

/** A draft as it is reported from here and now. */
export function finish(draft: Draft, { local, now, since, effects }: Finishing): Finding {
  const { code, subject, evidence, winner, fingerprint } = draft;
  const row = catalogueRow(code);
  const viewer = local === undefined || local === subject.cluster ? null : local;
  const onlooker = viewer === null ? null : { cluster: viewer, kind: 'cluster', key: '', value: '' };
  return {
    code,
    severity: severityAt(code, draft.severity ?? row.severity, now - since),
    category: row.category,
    title: row.title,
    subject,
    other: draft.other === 'local' ? onlooker : draft.other,
    evidence,
    winner,
    effect: effects.get(fingerprint) ?? NO_EFFECT,
    since: new Date(since).toISOString(),
    last_seen: new Date(now).toISOString(),
    remediation: remediation(draft),
    docs: docsAnchor(code),
    fingerprint,
  };
}

/** Everything at once, from nothing but the facts. */
export function evaluateMesh(facts: MeshFacts): MeshEvaluation {
  const evaluation = new MeshEvaluation(facts.local);
  for (const [name, cluster] of facts.clusters) {
    evaluation.declare(name, cluster);
    for (const [key, bytes] of cluster.records) evaluation.put(name, key, bytes);
  }
  evaluation.settle(facts.now);
  return evaluation;
}

export const evaluate = (facts: MeshFacts): Assessment => assess(evaluateMesh(facts), facts.now);

export interface ReportOptions {
  readonly now: number;
  readonly revision?: number | undefined;
  readonly ownStateCurrent?: boolean;
  readonly memory?: Memory;
  /** From other evaluations: trust, kernels. */
  readonly more?: Assessment | undefined;
}

export function reportOf(evaluation: MeshEvaluation, options: ReportOptions): Report {
  const { now, revision, memory, more, ownStateCurrent = true } = options;
  const own = assess(evaluation, now, memory);
  const here = new Map(own.checks.map((check) => [check.code, check]));
  const elsewhere = new Set(more?.checks.map(({ code }) => code));
  return assembleReport({
    now,
    cluster: evaluation.local,
    revision,
    ownStateCurrent,
    findings: [...own.findings, ...(more?.findings ?? []).map((finding) => remembered(finding, memory))],
    omitted: [...own.omitted, ...(more?.omitted ?? [])],
    checks: [
      ...own.checks.filter(({ code }) => !elsewhere.has(code)),
      ...(more?.checks ?? []).map((check) => bothOf(here.get(check.code), check)),
    ],
    peers: peersOf(evaluation, now),
  });
}

/** What says more counts; a failure on either side is one. */
const WEIGHT: Readonly<Record<CheckStatus, number>> = { skipped: 0, passed: 1, unknown: 2, failed: 3 };

/** One check, made from what was declared and from what was seen on the connection. */
function bothOf(declared: Check | undefined, seen: Check): Check {
  return declared !== undefined && WEIGHT[declared.status] > WEIGHT[seen.status] ? declared : seen;
}

/** What was found elsewhere knows nothing of earlier looks. */
function remembered(finding: Finding, memory: Memory = NO_MEMORY): Finding {
  const since = memory.get(finding.fingerprint);
  return since === undefined ? finding : { ...finding, since: new Date(since).toISOString() };
}

function peersOf({ clusters, local }: MeshEvaluation, now: number): readonly ReportPeer[] {
  return [...clusters.values()]
    .filter(({ name }) => name !== local)
    .map(({ name, standing, declarations: { freshness }, records, admitted, held }) => ({
      name,
      plain: standing.plain,
      freshness: freshness?.state ?? null,
      age_ms: freshness?.lastHeartbeatAt === undefined ? null : now - freshness.lastHeartbeatAt,
      synced: freshness?.synced ?? null,
      records: records.size,
      admitted: admitted.size,
      quarantined: held.size,
    }));
}

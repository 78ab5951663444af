// Which rows of the catalogue were looked at, and with what result. A check that had nothing to look at is skipped, one that could
// not be finished is unknown; neither ever looks like a pass.

import { counted } from '../model/counted.ts';
import { CATALOGUE } from './catalogue.ts';
import type { MeshEvaluation } from './evaluation.ts';
import type { Category, Draft } from './finding.ts';
import type { Check, CheckStatus, OmittedFindings } from './report.ts';
import { SPEC_RULES } from './spec.ts';
import { type SpecGaps, specGaps } from './spec-gaps.ts';

/** What there was to look at. */
interface Material {
  readonly clusters: number;
  readonly cards: number;
  readonly clustersWithRanges: number;
  readonly declaringPods: number;
  readonly histories: number;
  /** Clusters that were admitted with keys. */
  readonly pinned: number;
  readonly records: boolean;
  readonly sharedServices: boolean;
  /** A service that one cluster shares and another only publishes. */
  readonly partlyShared: boolean;
  readonly local: boolean;
  readonly freshness: boolean;
  readonly sync: boolean;
  readonly clocks: boolean;
  readonly quotas: boolean;
  readonly specs: ReadonlyMap<string, SpecGaps>;
  /** Clusters of which nothing is known, or not all, or nothing recent: a check without findings proves little. */
  readonly undeclared: readonly string[];
  readonly incomplete: readonly string[];
  readonly stale: readonly string[];
}

/** What a check is made from; a check of specs is made from records too. */
type Reads = 'declarations' | 'records' | 'specs' | 'neither';

type Needs = (material: Material) => string | undefined;

const twoClusters: Needs = ({ clusters }) => (clusters < 2 ? 'there is only one cluster' : undefined);
const ranges: Needs = ({ clustersWithRanges }) =>
  clustersWithRanges < 2 ? 'fewer than two clusters have ranges' : undefined;
const twoCards: Needs = ({ cards }) => (cards < 2 ? 'fewer than two clusters have a card' : undefined);
const history: Needs = ({ histories }) => (histories === 0 ? 'no card as last admitted to compare with' : undefined);
const pins: Needs = ({ pinned }) => (pinned === 0 ? 'no card as last admitted that names keys' : undefined);
const declared: Needs = ({ declaringPods }) => (declaringPods === 0 ? 'no cluster declares pod CIDRs' : undefined);
const records: Needs = (material) => (material.records ? undefined : 'there are no records');
const services: Needs = ({ sharedServices }) =>
  sharedServices ? undefined : 'no service is shared by several clusters';
const freshness: Needs = (material) => (material.freshness ? undefined : 'no heartbeat was given');
const sync: Needs = (material) => (material.sync ? undefined : 'it is not known whether lists are complete');
const positions: Needs = (material) => (material.sync ? undefined : 'no etcd was followed');
const partlyShared: Needs = ({ sharedServices, partlyShared: some }) =>
  sharedServices || some ? undefined : 'no service is published by several clusters';
const clock: Needs = ({ clocks }) => (clocks ? undefined : 'no card was received at a known time');
const quota: Needs = ({ quotas }) => (quotas ? undefined : 'no quota was given');
const shared: Needs = (material) =>
  material.local ? services(material) : 'it needs the point of view of a local cluster';

/** What is compared of exports needs two clusters that say it; where one that shares the service does not, it has not passed. */
const specs =
  (code: string): Needs =>
  (material) => {
    const lacking = services(material);
    if (lacking !== undefined) return lacking;
    const gaps = material.specs.get(code);
    if (gaps?.compared !== true) return 'fewer than two clusters say how they export a service that they share';
    if (gaps.silent.length === 0) return undefined;
    return `not compared with ${gaps.silent.join(', ')}: how services are exported there is not published, or not whole`;
  };

/** The checks that are made here, with what they need and what they read. */
const CHECKS: Readonly<Record<string, { readonly needs: Needs; readonly reads: Reads }>> = {
  'CM-CIDR-001': { needs: ranges, reads: 'declarations' },
  'CM-CIDR-002': { needs: ranges, reads: 'declarations' },
  'CM-CIDR-003': { needs: ranges, reads: 'declarations' },
  'CM-CIDR-005': { needs: history, reads: 'declarations' },
  'CM-CIDR-006': { needs: declared, reads: 'records' },
  'CM-CIDR-007': { needs: records, reads: 'records' },
  'CM-ID-001': { needs: twoClusters, reads: 'declarations' },
  'CM-ID-002': { needs: () => undefined, reads: 'declarations' },
  'CM-ID-003': { needs: () => undefined, reads: 'declarations' },
  'CM-ID-004': { needs: history, reads: 'declarations' },
  'CM-IDENT-001': { needs: records, reads: 'records' },
  'CM-IDENT-002': { needs: records, reads: 'records' },
  'CM-IDENT-003': { needs: records, reads: 'records' },
  'CM-IDENT-004': { needs: records, reads: 'records' },
  'CM-IDENT-005': { needs: services, reads: 'records' },
  'CM-CFG-001': { needs: twoCards, reads: 'declarations' },
  'CM-CFG-002': { needs: twoCards, reads: 'declarations' },
  'CM-CFG-003': { needs: twoCards, reads: 'declarations' },
  'CM-CFG-004': { needs: clock, reads: 'neither' },
  'CM-SVC-001': { needs: services, reads: 'records' },
  'CM-SVC-002': { needs: services, reads: 'records' },
  ...Object.fromEntries(SPEC_RULES.map(({ code }) => [code, { needs: specs(code), reads: 'specs' }])),
  'CM-SVC-010': { needs: partlyShared, reads: 'records' },
  'CM-SVC-011': { needs: shared, reads: 'records' },
  'CM-TRUST-008': { needs: pins, reads: 'declarations' },
  'CM-FRESH-001': { needs: freshness, reads: 'neither' },
  'CM-FRESH-002': { needs: sync, reads: 'neither' },
  'CM-FRESH-003': { needs: positions, reads: 'neither' },
  'CM-REC-002': { needs: quota, reads: 'neither' },
  'CM-REC-001': { needs: () => undefined, reads: 'records' },
};

/** Checks whose input comes another way, with what is missing where it has not come. */
const NOT_HERE: Readonly<Partial<Record<Category, string>>> = {
  trust: 'no trust store and certificate chain were given',
  kernel: 'no agent has reported what its kernel holds',
};

export function checksOf(
  evaluation: MeshEvaluation,
  drafts: readonly Draft[],
  omitted: readonly OmittedFindings[],
): readonly Check[] {
  const material = materialOf(evaluation);
  const counts = new Map<string, number>();
  const add = (code: string, amount: number) => counts.set(code, (counts.get(code) ?? 0) + amount);
  for (const { code } of drafts) add(code, 1);
  for (const { code, count } of omitted) add(code, count);
  return [...CATALOGUE.values()].map(({ code, title, category }) => {
    const { status, reason } = resultOf({ code, category }, counts.get(code) ?? 0, material);
    return { code, title, category, status, reason };
  });
}

function resultOf(
  { code, category }: Pick<Check, 'code' | 'category'>,
  count: number,
  material: Material,
): { status: CheckStatus; reason: string } {
  if (count > 0) return { status: 'failed', reason: counted(count, 'finding') };
  const check = CHECKS[code];
  if (check === undefined) return { status: 'skipped', reason: NOT_HERE[category] ?? 'no input was given for it' };
  const lacking = check.needs(material);
  if (lacking !== undefined) return { status: 'skipped', reason: lacking };
  const doubt = doubtOf(code, check.reads, material);
  if (doubt !== undefined) return { status: 'unknown', reason: doubt };
  return { status: 'passed', reason: counted(material.clusters, 'cluster') };
}

function doubtOf(code: string, reads: Reads, material: Material): string | undefined {
  const { undeclared, incomplete, stale } = material;
  if (reads === 'neither') return undefined;
  if (undeclared.length > 0) return `nothing has been received from ${undeclared.join(', ')}`;
  if (reads !== 'declarations' && incomplete.length > 0) return `the list of ${incomplete.join(', ')} is not complete`;
  const missing = reads === 'specs' ? (material.specs.get(code)?.missing ?? []) : [];
  if (missing.length > 0) return `how some shared services of ${missing.join(', ')} are exported has not been received`;
  return stale.length > 0 ? `what is known of ${stale.join(', ')} is too old` : undefined;
}

function materialOf({ clusters, local, indexes, context }: MeshEvaluation): Material {
  const all = [...clusters.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const where = (holds: (cluster: (typeof all)[number]) => boolean) => all.filter(holds);
  const names = (holds: (cluster: (typeof all)[number]) => boolean) => where(holds).map(({ name }) => name);
  const { done } = indexes.services.several().next();
  return {
    clusters: all.length,
    cards: where(({ standing }) => standing.card !== undefined).length,
    clustersWithRanges: where(({ standing, observed }) => standing.ranges.length + observed.size > 0).length,
    declaringPods: where(({ standing }) => standing.isBounded).length,
    histories: where(({ standing }) => standing.admitted !== undefined).length,
    pinned: where(({ standing }) => (standing.admitted?.trust.spkiPins.length ?? 0) > 0).length,
    records: all.some(({ records: known }) => known.size > 0),
    sharedServices: done !== true,
    partlyShared: indexes.services.partlyShared().next().done !== true,
    local: local !== undefined,
    freshness: all.some(({ declarations }) => declarations.freshness !== undefined),
    sync: all.some(({ declarations }) => declarations.freshness?.synced !== undefined),
    clocks: all.some(({ declarations }) => declarations.clockOffsetMs !== undefined),
    specs: specGaps(indexes, clusters),
    quotas: all.some(({ declarations }) => declarations.quota !== undefined),
    undeclared: names(
      ({ name, standing, records: known }) =>
        standing.card === undefined && standing.id === undefined && known.size === 0 && context.local !== name,
    ),
    incomplete: names(({ declarations }) => declarations.freshness?.synced === false),
    stale: names(({ declarations: { freshness: fact } }) => fact?.state === 'stale' || fact?.state === 'expired'),
  };
}

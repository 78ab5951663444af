// What a join would mean, before anything is done: the mesh's own rules over everything that both sides know, as if they were one mesh
// already. Both sides compute it from the same cards and come to the same findings. Pure.

import { evaluate } from '../../mesh/conflict/evaluate.ts';
import { type ClusterFacts, readCard } from '../../mesh/conflict/facts.ts';
import { clustersOf, compareFindings, type Finding } from '../../mesh/conflict/finding.ts';
import { CLUSTER_NAME_LENGTH_MAX, type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { encodeText } from '../../mesh/wire/json.ts';

export interface PlanInput {
  /** Whose point of view it is. */
  readonly local: ClusterName;
  /** The own cluster and its peers, as they are known here. */
  readonly own: ReadonlyMap<ClusterName, ClusterFacts>;
  readonly other: {
    readonly name: ClusterName;
    /** JSON text. */
    readonly card: string;
    readonly members: readonly string[];
    /** Its clock minus ours. */
    readonly clockOffsetMs: number;
  };
  readonly now: number;
}

export interface JoinPlan {
  /** Those that the join would bring, the worst first. */
  readonly findings: readonly Finding[];
  readonly blocking: readonly Finding[];
}

/** Ranges that meet stop a join; once both are members of a mesh, only the part that meets is withheld. */
const BLOCKING_AT_JOIN = new Set(['CM-CIDR-001', 'CM-CIDR-002', 'CM-CIDR-003']);
const MEMBER_NAME_PREFIX = 'other-';

export function planJoin({ local, own, other, now }: PlanInput): JoinPlan {
  const clusters = new Map([...own].map(([name, facts]) => [name, withoutRangeHistory(facts)]));
  const theirs = new Set<string>([other.name]);
  clusters.set(other.name, {
    name: other.name,
    card: readCard(encodeText(other.card)),
    clockOffsetMs: other.clockOffsetMs,
    records: new Map(),
  });
  for (const text of other.members) {
    const card = readCard(encodeText(text));
    const name = parseClusterName(card.value?.name ?? '');
    if (!name.ok || name.value === local || name.value === other.name) continue;
    theirs.add(name.value);
    const known = clusters.get(name.value)?.card?.value;
    if (known === undefined && !clusters.has(name.value)) {
      clusters.set(name.value, { name: name.value, card, records: new Map() });
    } else if (known !== undefined && known.uid !== card.value?.uid) {
      // Two clusters of one name, one on each side: under another name, so that the rules see both.
      const alias = `${MEMBER_NAME_PREFIX}${name.value}`.slice(0, CLUSTER_NAME_LENGTH_MAX) as ClusterName;
      theirs.add(alias);
      clusters.set(alias, { name: alias, card, records: new Map() });
    }
  }
  const sides: Sides = { ours: new Set([...own.keys()].filter((name) => name !== other.name)), theirs };
  const findings = evaluate({ local, now, clusters })
    .findings.filter((finding) => concernsJoin(finding, sides, local, other.name))
    .map((finding) => asOfJoin(finding, sides))
    .sort(compareFindings);
  return { findings, blocking: findings.filter(({ severity }) => severity === 'blocking') };
}

/**
 * Which ranges a cluster had before, only its own side knows, and between the two sides none is older than another: what would be
 * CM-CIDR-005 here and CM-CIDR-001 there is the same to both.
 */
function withoutRangeHistory(facts: ClusterFacts): ClusterFacts {
  const card = facts.card?.value;
  if (facts.admitted === undefined || card === undefined) return facts;
  const { podCIDRs, serviceCIDRs, nodeCIDRs } = card;
  return { ...facts, admitted: { ...facts.admitted, podCIDRs, serviceCIDRs, nodeCIDRs } };
}

interface Sides {
  readonly ours: ReadonlySet<string>;
  readonly theirs: ReadonlySet<string>;
}

/** Between one cluster of each side that the other side does not have; or about one of the two that join, alone. */
function concernsJoin(finding: Finding, sides: Sides, local: string, other: string): boolean {
  const involved = clustersOf(finding);
  if (crosses(involved, sides)) return true;
  const alone = finding.subject.cluster === local || finding.subject.cluster === other;
  return alone && involved.every((name) => name === local || name === other);
}

const crosses = (involved: readonly string[], { ours, theirs }: Sides): boolean =>
  involved.some((name) => ours.has(name) && !theirs.has(name)) &&
  involved.some((name) => theirs.has(name) && !ours.has(name));

const asOfJoin = (finding: Finding, sides: Sides): Finding =>
  BLOCKING_AT_JOIN.has(finding.code) && crosses(clustersOf(finding), sides)
    ? { ...finding, severity: 'blocking' }
    : finding;

// Whether two clusters can work together at all: CM-CFG-001 to 003, for every pair of cards, and CM-CFG-004, the clock of each.
// A plain Cilium peer declares none of this and is not compared.

import type { ClusterCard } from '../model/cluster.ts';
import { cardKey, offeredBy, SERVICE_PIECES, SERVICE_SPECS, TRUST_BUNDLE } from '../wire/card.ts';
import { type ClusterRuleInput, differingPairs } from './cluster-id.ts';
import type { Drafts } from './drafts.ts';
import { type Json, type Party, pairFingerprint, type Severity, soleFingerprint } from './finding.ts';
import type { Cause } from './holds.ts';
import { compareRanks, compareText } from './order.ts';
import type { Standing } from './standing.ts';

type WithCard = Standing & { readonly card: ClusterCard };

/** What a pair disagrees on; undefined where it agrees. */
interface Disagreement {
  readonly severity?: Severity;
  readonly evidence: { readonly [key: string]: Json };
}

interface PairRule {
  readonly code: string;
  readonly compare: (a: ClusterCard, b: ClusterCard) => Disagreement | undefined;
  readonly value: (card: ClusterCard) => string;
}

/** Each card is read once, and compared with those of hundreds of other clusters, again with each that comes. */
function onceForEach<T extends object | string>(read: (card: ClusterCard) => T): (card: ClusterCard) => T {
  const known = new WeakMap<ClusterCard, T>();
  return (card) => {
    const found = known.get(card) ?? read(card);
    known.set(card, found);
    return found;
  };
}

/** In order, each once. */
const capabilitiesOf = onceForEach((card) => [...new Set(offeredBy(card))].sort());

const DATAPATHS: PairRule = { code: 'CM-CFG-001', compare: compareDatapaths, value: onceForEach(datapathText) };

const SKEWS: readonly PairRule[] = [
  { code: 'CM-CFG-002', compare: compareVersions, value: onceForEach(versionText) },
  { code: 'CM-CFG-003', compare: compareCapabilities, value: onceForEach((card) => capabilitiesOf(card).join(', ')) },
];

/** CM-CFG-001, for which the two withhold each other. */
export function datapathRule(input: ClusterRuleInput): void {
  forEachDifferingPair(DATAPATHS, input, (a, b, cause) => withholdUnreachable(a, b, cause, input));
}

/** CM-CFG-002 and 003, for which nothing is held back. */
export function skewRules(input: Pick<ClusterRuleInput, 'standings' | 'drafts'>): void {
  for (const rule of SKEWS) forEachDifferingPair(rule, input);
}

function forEachDifferingPair(
  rule: PairRule,
  { standings, drafts }: Pick<ClusterRuleInput, 'standings' | 'drafts'>,
  withhold?: (a: Standing, b: Standing, cause: Cause) => void,
): void {
  const { code } = rule;
  const cards = standings.filter((standing): standing is WithCard => standing.card !== undefined);
  const party = ({ name, card }: WithCard): Party => ({
    cluster: name,
    kind: 'card',
    key: cardKey(name),
    value: rule.value(card),
  });
  for (const [a, b] of differingPairs(cards, ({ card }) => rule.value(card))) {
    const found = rule.compare(a.card, b.card);
    if (found === undefined) continue;
    const [winner, loser] = compareRanks(a.rank, b.rank) < 0 ? [a, b] : [b, a];
    const fingerprint = pairFingerprint(code, party(a), party(b));
    withhold?.(a, b, { code, fingerprint });
    drafts.add(code, loser.name, () => ({
      code,
      ...(found.severity === undefined ? {} : { severity: found.severity }),
      subject: party(loser),
      other: party(winner),
      evidence: found.evidence,
      winner: winner.name,
      fingerprint,
    }));
  }
}

/** Only the two cannot reach each other's pods; a third cluster may reach both. Host addresses need no datapath mode. */
function withholdUnreachable(a: Standing, b: Standing, cause: Cause, input: ClusterRuleInput): void {
  const { local, holds, podRanges } = input;
  const peer = a.name === local ? b : b.name === local ? a : undefined;
  for (const { cluster, prefix } of peer === undefined ? [] : podRanges(peer.name)) {
    holds.withholdRange(cluster, prefix, cause);
  }
}

function compareDatapaths({ datapath: a }: ClusterCard, { datapath: b }: ClusterCard): Disagreement | undefined {
  const differing: string[] = [];
  if (a.mode !== b.mode) differing.push('mode');
  else if (a.mode === 'tunnel') {
    if (a.tunnelProtocol !== b.tunnelProtocol) differing.push('tunnelProtocol');
    if (a.tunnelPort !== b.tunnelPort) differing.push('tunnelPort');
  }
  if (a.encryption !== b.encryption) differing.push('encryption');
  return differing.length === 0 ? undefined : { evidence: { differing } };
}

/** Protocol versions may be one apart: that is how a mesh is upgraded, cluster by cluster. */
const PROTOCOL_SKEW_MAX = 1;
const MINOR_SKEW_MAX = 1;

function compareVersions({ versions: a }: ClusterCard, { versions: b }: ClusterCard): Disagreement | undefined {
  if (Math.abs(a.protocol - b.protocol) > PROTOCOL_SKEW_MAX) {
    return { severity: 'error', evidence: { protocols: [a.protocol, b.protocol].sort((x, y) => x - y) } };
  }
  const [versionA, versionB] = [minorOf(a.software), minorOf(b.software)];
  if (versionA === undefined || versionB === undefined) return undefined;
  const apart = versionA.major !== versionB.major || Math.abs(versionA.minor - versionB.minor) > MINOR_SKEW_MAX;
  return apart ? { severity: 'warning', evidence: { software: [a.software, b.software].sort() } } : undefined;
}

function minorOf(software: string): { readonly major: number; readonly minor: number } | undefined {
  const parts = /^v?(\d{1,9})\.(\d{1,9})(\D|$)/.exec(software);
  return parts === null ? undefined : { major: Number(parts[1]), minor: Number(parts[2]) };
}

/** What two clusters do instead while one of them lacks a capability, in both directions: it is used only where both have it. */
const COST_OF: Readonly<Record<string, string>> = {
  [SERVICE_PIECES]:
    'services are read whole: one changed endpoint of a large service costs as much as all of them, and comes later',
  [SERVICE_SPECS]: 'how the two export a service is not compared: CM-SVC-003 to 009 are skipped',
  [TRUST_BUNDLE]: 'neither takes the next authority of the other by itself: people copy it before and after a rotation',
};

function compareCapabilities(a: ClusterCard, b: ClusterCard): Disagreement | undefined {
  const missing = [
    [a.name, without(a, b)],
    [b.name, without(b, a)],
  ] as const;
  const onlyOne = [...new Set(missing.flatMap(([, names]) => names))].sort();
  if (onlyOne.length === 0) return undefined;
  const costs = onlyOne.flatMap((name) => (COST_OF[name] === undefined ? [] : [[name, COST_OF[name]] as const]));
  return {
    evidence: {
      only_one_side: onlyOne,
      missing: Object.fromEntries(
        missing.filter(([, names]) => names.length > 0).sort(([x], [y]) => compareText(x, y)),
      ),
      ...(costs.length === 0 ? {} : { cost: Object.fromEntries(costs) }),
    },
  };
}

/** What the other has, and `card` does not. */
function without(card: ClusterCard, other: ClusterCard): readonly string[] {
  const has = capabilitiesOf(card);
  return capabilitiesOf(other).filter((name) => !has.includes(name));
}

function datapathText({ datapath }: ClusterCard): string {
  const tunnel = datapath.mode === 'tunnel' ? ` ${datapath.tunnelProtocol ?? ''}:${datapath.tunnelPort ?? ''}` : '';
  return `${datapath.mode}${tunnel}, encryption ${datapath.encryption}`;
}

function versionText({ versions }: ClusterCard): string {
  return `${versions.software}, protocol ${versions.protocol}`;
}

const CLOCK_WARNING_MS = 30_000;
/** Beyond this, certificates are refused as not yet valid. */
const CLOCK_ERROR_MS = 300_000;

/** CM-CFG-004: the offset is the cluster's clock minus ours when its card was received. */
export function clockDraft(standing: Standing, offsetMs: number, drafts: Drafts): void {
  if (Math.abs(offsetMs) <= CLOCK_WARNING_MS) return;
  const code = 'CM-CFG-004';
  drafts.add(code, standing.name, () => ({
    code,
    severity: Math.abs(offsetMs) > CLOCK_ERROR_MS ? 'error' : 'warning',
    subject: { cluster: standing.name, kind: 'clock', key: cardKey(standing.name), value: standing.card?.time ?? '' },
    other: 'local',
    evidence: { offset_ms: Math.round(offsetMs), warning_above_ms: CLOCK_WARNING_MS, error_above_ms: CLOCK_ERROR_MS },
    winner: null,
    fingerprint: soleFingerprint(code, standing.name),
  }));
}

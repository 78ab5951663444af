// Global services that are exported otherwise by one cluster than by another: CM-SVC-003 to 009, by what clusters publish of their
// exports (mesh/wire/service-spec.ts). Nothing is withheld for it. As KEP-1645 has it, the value of the oldest export is the one that
// counts, and so it is each other cluster against that one: as many findings as clusters that differ, and not one for each pair.

import type { ClusterName, ServiceKey } from '../model/names.ts';
import { formatTime } from '../wire/time.ts';
import type { Drafts } from './drafts.ts';
import type { Json, Party } from './finding.ts';
import { compareText } from './order.ts';
import { serviceFingerprint } from './service.ts';
import { mapEntries, type SpecConstituent, type SpecProperties, type SpecTraits } from './spec-traits.ts';

interface SpecRule {
  readonly code: string;
  /** As KEP-1645 names it. */
  readonly reason: string;
  readonly property: keyof SpecProperties;
  /** Of two that differ in that already, this is no second finding. */
  readonly within?: keyof SpecProperties;
  /** The property is a map, of which the differing entries are told. */
  readonly isMap?: boolean;
}

export const SPEC_RULES: readonly SpecRule[] = [
  { code: 'CM-SVC-003', reason: 'SessionAffinityConflict', property: 'sessionAffinity' },
  {
    code: 'CM-SVC-004',
    reason: 'SessionAffinityConfigConflict',
    property: 'sessionAffinityConfig',
    within: 'sessionAffinity',
  },
  { code: 'CM-SVC-005', reason: 'AnnotationsConflict', property: 'annotations', isMap: true },
  { code: 'CM-SVC-006', reason: 'LabelsConflict', property: 'labels', isMap: true },
  { code: 'CM-SVC-007', reason: 'InternalTrafficPolicyConflict', property: 'internalTrafficPolicy' },
  { code: 'CM-SVC-008', reason: 'TrafficDistributionConflict', property: 'trafficDistribution' },
  { code: 'CM-SVC-009', reason: 'IPFamilyConflict', property: 'ipFamilies' },
];

/** `forfeits`: the cluster's claims count less than anybody else's, and so does the age of its exports. */
export function specDrafts(
  key: ServiceKey,
  constituents: readonly SpecConstituent[],
  forfeits: (cluster: ClusterName) => boolean,
  drafts: Drafts,
): void {
  const ordered = [...constituents].sort((a, b) => compareExports(a, b, forfeits));
  for (const rule of SPEC_RULES) {
    const speaking = ordered.filter(({ traits }) => traits[rule.property] !== undefined);
    const [oldest] = speaking;
    if (oldest === undefined) continue;
    const others = speaking.filter(({ traits }) => disagrees(rule, oldest.traits, traits));
    const count = `${others.length} of ${speaking.length} clusters`;
    for (const other of others.sort((a, b) => compareText(a.cluster, b.cluster))) {
      drafts.add(rule.code, other.cluster, () => ({
        code: rule.code,
        subject: partyOf(rule, key, other),
        other: partyOf(rule, key, oldest),
        evidence: {
          reason: rule.reason,
          [rule.isMap === true ? 'only_in' : 'values']: sidesOf(rule, oldest, other),
          oldest_export: oldest.traits.exportedAt === undefined ? null : formatTime(oldest.traits.exportedAt),
          disagree: count,
        },
        winner: oldest.cluster,
        fingerprint: serviceFingerprint(rule.code, key, oldest.cluster, other.cluster),
      }));
    }
  }
}

const disagrees = ({ property, within }: SpecRule, a: SpecTraits, b: SpecTraits): boolean =>
  a[property] !== b[property] && (within === undefined || a[within] === b[within]);

/** Negative when `a` counts: the older export, one of unknown age last, then the name. */
function compareExports(a: SpecConstituent, b: SpecConstituent, forfeits: (cluster: ClusterName) => boolean): number {
  const [lostA, lostB] = [forfeits(a.cluster), forfeits(b.cluster)];
  if (lostA !== lostB) return lostA ? 1 : -1;
  const [atA, atB] = [a.traits.exportedAt, b.traits.exportedAt];
  if (atA !== atB) {
    if (atA === undefined) return 1;
    return atB === undefined ? -1 : atA - atB;
  }
  return compareText(a.cluster, b.cluster);
}

function partyOf({ property, isMap }: SpecRule, key: ServiceKey, { cluster, traits }: SpecConstituent): Party {
  const text = traits[property] ?? '';
  const value = isMap === true ? shown(mapEntries(text)).join(', ') : text;
  return { cluster, kind: 'service', key, value: value || 'none' };
}

/** An annotation may be a document of its own; that much is enough to recognise it by. */
const ENTRY_LENGTH_MAX = 100;
const ENTRIES_MAX = 10;

function shown(entries: ReturnType<typeof mapEntries>): readonly string[] {
  const texts = entries.slice(0, ENTRIES_MAX).map(([name, value]) => `${name}=${value}`);
  const cut = texts.map((text) => (text.length > ENTRY_LENGTH_MAX ? `${text.slice(0, ENTRY_LENGTH_MAX)}…` : text));
  return entries.length > ENTRIES_MAX ? [...cut, `and ${entries.length - ENTRIES_MAX} more`] : cut;
}

/** What the two say: of a map, the entries that the other one has not. In name order, whoever counts. */
function sidesOf({ property, isMap }: SpecRule, a: SpecConstituent, b: SpecConstituent): Json {
  const said = ({ traits }: SpecConstituent, other: SpecConstituent): Json => {
    if (isMap !== true) return traits[property] || 'none';
    const there = new Map(mapEntries(other.traits[property] ?? '[]'));
    return shown(mapEntries(traits[property] ?? '[]').filter(([name, value]) => there.get(name) !== value));
  };
  const [first, second] = compareText(a.cluster, b.cluster) < 0 ? [a, b] : [b, a];
  return { [first.cluster]: said(first, second), [second.cluster]: said(second, first) };
}

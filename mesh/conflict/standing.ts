// What a cluster's declarations amount to: its name, id, place in the order, ranges, and what is wrong with the declaration
// itself. Derived from the card; for a plain Cilium peer from cluster-config and its nodes. Everything that is judged about records
// asks the standing, so a change of card is a change of standing and nothing else.

import type { ClusterCard } from '../model/cluster.ts';
import { type IdentityRange, identityRange } from '../model/identity.ts';
import { type ClusterId, type ClusterName, type MaxConnectedClusters, parseClusterId } from '../model/names.ts';
import { parsePrefix } from '../model/prefix.ts';
import { PrefixTrie } from '../model/prefix-trie.ts';
import { cardKey } from '../wire/card.ts';
import { CLUSTER_CONFIG_PREFIX } from '../wire/cluster-config.ts';
import type { Declarations, FieldProblem, Reading } from './facts.ts';
import { parseInstant, type Rank } from './order.ts';
import type { ClusterRange, RangeKind } from './ranges.ts';

export interface Standing {
  readonly name: ClusterName;
  /** The name that the cluster gives itself, where that is another one. */
  readonly claimedName: string;
  /** The name that its records must carry. */
  readonly recordsName: string;
  readonly plain: boolean;
  readonly rank: Rank;
  readonly uid: string | undefined;
  /** A card or config says which id the cluster has; else its records do. */
  readonly declaresId: boolean;
  /** As declared, also when it is out of range. */
  readonly declaredId: number | undefined;
  readonly declaredWidth: number | undefined;
  /** Another id than the cluster was admitted with. */
  readonly isIdNew: boolean;
  /** Undefined while no valid id is known: records that depend on it wait. */
  readonly id: ClusterId | undefined;
  readonly width: MaxConnectedClusters;
  readonly identities: IdentityRange | undefined;
  readonly card: ClusterCard | undefined;
  readonly admitted: ClusterCard | undefined;
  /** All declared ranges; what is only seen at nodes is in observed-ranges.ts. */
  readonly ranges: readonly ClusterRange[];
  /** What it had when it was admitted; undefined without that history. */
  readonly admittedRanges: PrefixTrie<RangeKind> | undefined;
  /** The same, to be asked which of them hold an address. */
  readonly declared: PrefixTrie<RangeKind>;
  /** Whether it can be told of an address that it is not the cluster's (CM-CIDR-006). */
  readonly isBounded: boolean;
  readonly declaresPods: boolean;
  readonly declaresNodes: boolean;
  /** It says that it is another than was admitted (CM-ID-004, CM-TRUST-008): nothing new of it is looked at before a person has confirmed that. */
  readonly unconfirmed: boolean;
  readonly problems: readonly FieldProblem[];
}

export interface StandingInput {
  readonly name: ClusterName;
  readonly declarations: Declarations;
  /** What the records carry, for a cluster that declares no id anywhere. */
  readonly observedId: number | undefined;
}

const DEFAULT_WIDTH: MaxConnectedClusters = 255;

export function standingOf({ name, declarations, observedId }: StandingInput): Standing {
  const problems: FieldProblem[] = [...(declarations.problems ?? [])];
  const card = read(declarations.card, cardKey(name), problems);
  const config = read(declarations.config, `${CLUSTER_CONFIG_PREFIX}${name}`, problems);
  const plain = declarations.card === undefined;
  const declaredWidth = card?.maxConnectedClusters ?? config?.maxConnectedClusters;
  const width = declaredWidth === 255 || declaredWidth === 511 ? declaredWidth : DEFAULT_WIDTH;
  const declaredId = card?.id ?? config?.id ?? observedId;
  const parsedId = declaredId === undefined ? undefined : parseClusterId(declaredId, width);
  const id = parsedId?.ok === true ? parsedId.value : undefined;
  if (card !== undefined && config !== undefined && card.id !== config.id) {
    problems.push({
      severity: 'error',
      key: `${CLUSTER_CONFIG_PREFIX}${config?.name ?? name}`,
      field: 'id',
      value: String(config.id),
      reason: `differs from the id ${card.id} on the card`,
    });
  }
  const { admitted } = declarations;
  const admittedRanges = admitted === undefined ? undefined : tableOf(rangesOf(name, admitted, undefined, []));
  const ranges = card === undefined ? [] : rangesOf(name, card, admittedRanges, problems);
  // Declared in a way that cannot be read is not undeclared: nothing is inside it.
  const podsUnreadable = problems.some(
    ({ key, field, severity }) => key === cardKey(name) && field === 'podCIDRs' && severity === 'error',
  );
  const declaresPods = ranges.some(({ kind }) => kind === 'pod');
  return {
    name,
    claimedName: [card?.name, config?.name].find((claimed) => claimed !== undefined && claimed !== name) ?? name,
    recordsName: card?.name ?? config?.name ?? name,
    plain,
    rank: { joinedAt: joinTime(name, card, admitted, problems), name },
    uid: card?.uid,
    declaresId: card !== undefined || config !== undefined,
    declaredId,
    declaredWidth,
    isIdNew: card !== undefined && admitted !== undefined && card.id !== admitted.id,
    id,
    width,
    identities: id === undefined ? undefined : identityRange(id, width),
    card,
    admitted,
    ranges,
    admittedRanges,
    declared: tableOf(ranges),
    isBounded: declaresPods || podsUnreadable,
    declaresPods,
    declaresNodes: ranges.some(({ kind }) => kind === 'node'),
    unconfirmed:
      card !== undefined && admitted !== undefined && (isRebuilt(card, admitted) || isRepinned(card, admitted)),
    problems,
  };
}

/** CM-ID-004 */
export const isRebuilt = (card: ClusterCard, admitted: ClusterCard): boolean => card.uid !== admitted.uid;

/** CM-TRUST-008: a rotation shows the old key beside the new one for a while. A card that names none at all is not one either. */
export function isRepinned(card: ClusterCard, admitted: ClusterCard): boolean {
  const pins = admitted.trust.spkiPins;
  return pins.length > 0 && !card.trust.spkiPins.some((pin) => pins.includes(pin));
}

function read<T>(reading: Reading<T> | undefined, key: string, problems: FieldProblem[]): T | undefined {
  for (const { field, reason } of reading?.problems ?? []) {
    problems.push({ severity: 'error', key, field, value: '', reason });
  }
  return reading?.value;
}

/** A cluster joins once: a time that is earlier than the one it was admitted with would take from others what they have. */
function joinTime(
  name: ClusterName,
  card: ClusterCard | undefined,
  admitted: ClusterCard | undefined,
  problems: FieldProblem[],
): number | undefined {
  if (card === undefined || card.joinedAt === null) return undefined;
  const joinedAt = parseInstant(card.joinedAt);
  const known = admitted === undefined || admitted.joinedAt === null ? undefined : parseInstant(admitted.joinedAt);
  const problem = (reason: string) =>
    problems.push({ severity: 'error', key: cardKey(name), field: 'joinedAt', value: card.joinedAt ?? '', reason });
  if (joinedAt === undefined) problem('not an RFC 3339 time; the cluster counts as not joined');
  if (joinedAt === undefined || known === undefined || joinedAt >= known) return joinedAt;
  problem(`earlier than ${admitted?.joinedAt}, with which the cluster was admitted; that time counts`);
  return known;
}

const CARD_FIELDS = [
  ['podCIDRs', 'pod'],
  ['serviceCIDRs', 'service'],
  ['nodeCIDRs', 'node'],
] as const;

function rangesOf(
  cluster: ClusterName,
  card: ClusterCard,
  known: PrefixTrie<RangeKind> | undefined,
  problems: FieldProblem[],
): readonly ClusterRange[] {
  const ranges = new Map<string, ClusterRange>();
  const key = cardKey(cluster);
  for (const [field, kind] of CARD_FIELDS) {
    for (const value of card[field]) {
      const parsed = parsePrefix(value);
      if (!parsed.ok) {
        problems.push({ severity: 'error', key, field, value, reason: parsed.error });
        continue;
      }
      const { prefix, hostBits } = parsed.value;
      if (hostBits) {
        problems.push({ severity: 'warning', key, field, value, reason: `host bits are set; read as ${prefix.text}` });
      }
      const grown = known?.covering(prefix).includes(kind) === false;
      ranges.set(`${kind} ${prefix.text}`, { cluster, kind, prefix, key: field, declared: true, grown });
    }
  }
  return [...ranges.values()];
}

function tableOf(ranges: readonly ClusterRange[]): PrefixTrie<RangeKind> {
  const table = new PrefixTrie<RangeKind>();
  for (const { prefix, kind } of ranges) table.add(prefix, kind);
  return table;
}

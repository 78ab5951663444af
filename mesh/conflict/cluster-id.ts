// Who a cluster is: CM-ID-001 to 004, and CM-TRUST-008 as far as its card says it. Ids and widths are compared for every pair of the
// mesh; names, rebuilt clusters and vanished keys are a matter of one cluster and what it is known as.

import type { ClusterName } from '../model/names.ts';
import { cardKey } from '../wire/card.ts';
import { CLUSTER_CONFIG_PREFIX } from '../wire/cluster-config.ts';
import type { Drafts } from './drafts.ts';
import { type Party, pairFingerprint, soleFingerprint } from './finding.ts';
import type { HoldBook } from './holds.ts';
import { compareRanks } from './order.ts';
import type { ClusterRange } from './ranges.ts';
import { isRebuilt, isRepinned, type Standing } from './standing.ts';

export interface ClusterRuleInput {
  /** In name order, so that findings come in the same order everywhere. */
  readonly standings: readonly Standing[];
  readonly local: ClusterName | undefined;
  readonly drafts: Drafts;
  readonly holds: HoldBook;
  /** Where the cluster's pods are, declared or seen. */
  readonly podRanges: (cluster: ClusterName) => readonly ClusterRange[];
}

export function clusterIdRules(input: ClusterRuleInput): void {
  duplicateIds(input);
  names(input);
  idsOutOfRange(input);
  widths(input);
  rebuilt(input);
  repinned(input);
}

/** CM-ID-001: the claims of the two cannot be separated, so the loser is held back whole. */
function duplicateIds({ standings, drafts, holds }: ClusterRuleInput): void {
  const withId = standings.filter(({ declaredId }) => declaredId !== undefined);
  for (const [a, b] of equalPairs(withId, ({ declaredId }) => String(declaredId))) {
    // Whoever takes an id later than it joined is the newcomer to it, however early it joined.
    const aWins = a.isIdNew === b.isIdNew ? compareRanks(a.rank, b.rank) < 0 : b.isIdNew;
    const [winner, loser] = aWins ? [a, b] : [b, a];
    const code = 'CM-ID-001';
    const cause = { code, fingerprint: pairFingerprint(code, idParty(a), idParty(b)) };
    holds.loseWhole(loser.name, winner.name, cause);
    drafts.add(code, loser.name, () => ({
      code,
      subject: idParty(loser),
      other: idParty(winner),
      evidence: { id: a.declaredId ?? null, joined: { [a.name]: joined(a), [b.name]: joined(b) } },
      winner: winner.name,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** CM-ID-002: one for the cluster, however many of its records carry the other name. */
function names({ standings, drafts, holds }: ClusterRuleInput): void {
  for (const standing of standings) {
    const { name, claimedName } = standing;
    if (claimedName === name) continue;
    const code = 'CM-ID-002';
    const cause = { code, fingerprint: soleFingerprint(code, name, claimedName) };
    const holder = standings.find((other) => other !== standing && other.name === claimedName);
    const twin = holder ?? standings.find((other) => other !== standing && other.claimedName === claimedName);
    holds.loseWhole(name, holder?.name, cause);
    drafts.add(code, name, () => ({
      code,
      subject: { cluster: name, kind: 'cluster-name', key: nameKey(standing), value: claimedName },
      other: twin === undefined ? 'local' : nameParty(twin),
      evidence: { connected_as: name, carries: claimedName },
      winner: holder?.name ?? null,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** CM-ID-003, of one cluster: its identities would not be its own. */
function idsOutOfRange({ standings, drafts, holds }: ClusterRuleInput): void {
  for (const standing of standings) {
    const { name, declaredId, declaredWidth, id, width } = standing;
    const unknownWidth = declaredWidth !== undefined && declaredWidth !== width;
    if (!unknownWidth && (declaredId === undefined || id !== undefined)) continue;
    const code = 'CM-ID-003';
    const cause = { code, fingerprint: soleFingerprint(code, name) };
    holds.loseWhole(name, undefined, cause);
    drafts.add(code, name, () => ({
      code,
      subject: idParty(standing),
      other: 'local',
      evidence: { id: declaredId ?? null, valid: `1 to ${width}`, max_connected_clusters: declaredWidth ?? null },
      winner: null,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** CM-ID-003, of a pair: neither is wrong by itself, so nothing is forfeited and only the two withhold each other. */
function widths({ standings, local, drafts, holds }: ClusterRuleInput): void {
  const withWidth = standings.filter(({ declaredWidth }) => declaredWidth !== undefined);
  for (const [a, b] of differingPairs(withWidth, ({ declaredWidth }) => String(declaredWidth))) {
    const [winner, loser] = compareRanks(a.rank, b.rank) < 0 ? [a, b] : [b, a];
    const code = 'CM-ID-003';
    const cause = { code, fingerprint: pairFingerprint(code, widthParty(a), widthParty(b)) };
    if (a.name === local) holds.withholdWhole(b.name, cause);
    if (b.name === local) holds.withholdWhole(a.name, cause);
    if (local === undefined) holds.withholdWhole(loser.name, cause);
    drafts.add(code, loser.name, () => ({
      code,
      subject: widthParty(loser),
      other: widthParty(winner),
      evidence: {
        max_connected_clusters: { [a.name]: a.declaredWidth ?? null, [b.name]: b.declaredWidth ?? null },
      },
      winner: winner.name,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** CM-ID-004: only a person knows whether it is the same cluster, so what is new waits and what is old stays. */
function rebuilt({ standings, drafts, holds }: ClusterRuleInput): void {
  for (const { name, admitted, card } of standings) {
    if (card === undefined || admitted === undefined || !isRebuilt(card, admitted)) continue;
    const { uid } = card;
    const code = 'CM-ID-004';
    const cause = { code, fingerprint: soleFingerprint(code, name, uid) };
    holds.freeze(name, cause);
    drafts.add(code, name, () => ({
      code,
      subject: { cluster: name, kind: 'cluster-uid', key: cardKey(name), value: uid },
      other: 'local',
      evidence: { admitted_uid: admitted.uid, uid, joined_at: card.joinedAt ?? null },
      winner: null,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** CM-TRUST-008: whoever can write a cluster's card is not yet who held its key. */
function repinned({ standings, drafts, holds }: ClusterRuleInput): void {
  for (const { name, admitted, card } of standings) {
    if (card === undefined || admitted === undefined || !isRepinned(card, admitted)) continue;
    const code = 'CM-TRUST-008';
    const [before, shown] = [admitted.trust.spkiPins, card.trust.spkiPins];
    const cause = { code, fingerprint: soleFingerprint(code, name, shown.join(' ')) };
    holds.freeze(name, cause);
    drafts.add(code, name, () => ({
      code,
      subject: { cluster: name, kind: 'ca-pins', key: cardKey(name), value: shown.join(' ') },
      other: 'local',
      evidence: { admitted_pins: before, pins: shown },
      winner: null,
      fingerprint: cause.fingerprint,
    }));
  }
}

/** Every pair once, in order, of items with the same text. */
function* equalPairs<T>(items: readonly T[], textOf: (item: T) => string): Generator<readonly [T, T]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(textOf(item));
    if (group === undefined) groups.set(textOf(item), [item]);
    else group.push(item);
  }
  for (const group of groups.values()) {
    for (const [at, a] of group.entries()) for (const b of group.slice(at + 1)) yield [a, b];
  }
}

/** Every pair once, in order, of items with different texts. In a mesh where all agree there is none, and nothing to do. */
export function* differingPairs<T>(items: readonly T[], textOf: (item: T) => string): Generator<readonly [T, T]> {
  const numbers = new Map<string, number>();
  // A number for each text: hundreds of clusters are tens of thousands of pairs, whose texts would be compared letter by letter.
  const alike = Uint32Array.from(items, (item) => {
    const text = textOf(item);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    return number;
  });
  if (numbers.size < 2) return;
  for (const [at, a] of items.entries()) {
    for (let other = at + 1; other < items.length; other += 1) {
      const b = items[other];
      if (b !== undefined && alike[at] !== alike[other]) yield [a, b];
    }
  }
}

const sourceKey = (standing: Standing): string =>
  standing.card === undefined ? `${CLUSTER_CONFIG_PREFIX}${standing.name}` : cardKey(standing.name);

const nameKey = (standing: Standing): string =>
  standing.card === undefined ? `${CLUSTER_CONFIG_PREFIX}${standing.claimedName}` : cardKey(standing.name);

const idParty = (standing: Standing): Party => ({
  cluster: standing.name,
  kind: 'cluster-id',
  key: sourceKey(standing),
  value: String(standing.declaredId ?? ''),
});

const widthParty = (standing: Standing): Party => ({
  cluster: standing.name,
  kind: 'identity-width',
  key: sourceKey(standing),
  value: String(standing.declaredWidth ?? ''),
});

const nameParty = (standing: Standing): Party => ({
  cluster: standing.name,
  kind: 'cluster-name',
  key: nameKey(standing),
  value: standing.claimedName,
});

const joined = ({ rank }: Standing): string | null =>
  rank.joinedAt === undefined ? null : new Date(rank.joinedAt).toISOString();

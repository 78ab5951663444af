// The authorities of several clusters side by side (CM-TRUST-007): a key that vouches in two of them lets one cluster speak for the
// other, and a name that two keys bear makes chains fail for a reason that names do not show. One finding for each key or name, with
// all clusters that have it.

import { finish } from '../../mesh/conflict/evaluate.ts';
import type { Draft, Finding, OtherParty } from '../../mesh/conflict/finding.ts';
import { fingerprint } from '../../mesh/conflict/fingerprint.ts';
import { compareText } from '../../mesh/conflict/order.ts';
import type { ClusterName } from '../../mesh/model/names.ts';

/** One certificate of the trust store that is bound to a cluster. */
export interface BoundAuthority {
  readonly cluster: ClusterName;
  /** Equal for equal names; see names.ts. */
  readonly name: string;
  /** For people. */
  readonly subject: string;
  readonly pin: string;
}

const CODE = 'CM-TRUST-007';
/** A whole mesh may share one authority; the first of it show what is meant. */
const SHOWN_MAX = 20;

export function sharedAuthorities(
  authorities: readonly BoundAuthority[],
  { local, now }: { readonly local: ClusterName | undefined; readonly now: number },
): readonly Finding[] {
  const sorted = [...authorities].sort((a, b) => compareText(a.cluster, b.cluster));
  const keys = grouped(sorted, ({ pin }) => pin).filter((group) => clustersOf(group).length > 1);
  const names = grouped(sorted, ({ name }) => name).filter(
    // Within one store it is the verification of that cluster that says so.
    (group) => clustersOf(group).length > 1 && new Set(group.map(({ pin }) => pin)).size > 1,
  );
  const finished = (draft: Draft, remediation: string): Finding => ({
    ...finish(draft, { local, now, since: now, effects: new Map() }),
    remediation,
  });
  return [
    ...keys.map((group) =>
      finished(
        draftOf('ca-key', group, ({ pin }) => pin),
        `Give each of ${clustersOf(group).join(', ')} an authority with a key of its own: now each can speak for the others.`,
      ),
    ),
    ...names.map((group) =>
      finished(
        draftOf('ca-name', group, ({ subject }) => subject),
        `Give the authorities of ${clustersOf(group).join(', ')} different names.`,
      ),
    ),
  ];
}

function grouped(
  authorities: readonly BoundAuthority[],
  keyOf: (authority: BoundAuthority) => string,
): readonly (readonly BoundAuthority[])[] {
  const groups = new Map<string, BoundAuthority[]>();
  for (const authority of authorities) {
    const key = keyOf(authority);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [authority]);
    else group.push(authority);
  }
  return [...groups.values()];
}

const clustersOf = (group: readonly BoundAuthority[]): readonly ClusterName[] => [
  ...new Set(group.map(({ cluster }) => cluster)),
];

function draftOf(
  kind: 'ca-key' | 'ca-name',
  group: readonly BoundAuthority[],
  textOf: (authority: BoundAuthority) => string,
): Draft {
  const [subject, ...others] = clustersOf(group);
  const [first] = group;
  const value = first === undefined ? '' : textOf(first);
  const what = { kind, key: 'ca.pem', value };
  const [second] = others;
  const other: OtherParty =
    others.length === 1 && second !== undefined ? { cluster: second, ...what } : { clusters: others, ...what };
  return {
    code: CODE,
    severity: 'warning',
    subject: { cluster: subject ?? '', ...what },
    other,
    evidence: {
      authorities: group.slice(0, SHOWN_MAX).map(({ cluster, subject, pin }) => ({ cluster, subject, pin })),
    },
    winner: null,
    fingerprint: fingerprint([CODE, kind, value]),
  };
}

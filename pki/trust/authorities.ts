// The authorities of several clusters side by side (CM-TRUST-007): a key that vouches in two of them lets one cluster speak for the
// other, and a name that two keys bear makes chains fail for a reason that names do not show. One finding for each key or name, with
// all clusters that have it.

import type { X509Certificate } from 'node:crypto';
import { finish } from '../../mesh/conflict/evaluate.ts';
import type { Draft, Finding, OtherParty } from '../../mesh/conflict/finding.ts';
import { fingerprint } from '../../mesh/conflict/fingerprint.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { printable } from './printable.ts';

export interface ClusterStore {
  readonly cluster: ClusterName;
  readonly certificates: readonly X509Certificate[];
}

interface Held {
  readonly cluster: ClusterName;
  readonly certificate: Certificate;
}

const CODE = 'CM-TRUST-007';

export function sharedAuthorities(
  stores: readonly ClusterStore[],
  { local, now }: { readonly local: ClusterName | undefined; readonly now: number },
): readonly Finding[] {
  const held = [...stores]
    .sort((a, b) => (a.cluster < b.cluster ? -1 : 1))
    .flatMap(({ cluster, certificates }) =>
      certificates.flatMap((x509): readonly Held[] => {
        const certificate = readCertificate(x509);
        return certificate.ok ? [{ cluster, certificate: certificate.value }] : [];
      }),
    );
  const keys = grouped(held, ({ pin }) => pin).filter((group) => clustersOf(group).length > 1);
  const names = grouped(held, ({ subject }) => JSON.stringify(subject)).filter(
    // Within one store it is the verification of that cluster that says so.
    (group) => clustersOf(group).length > 1 && new Set(group.map(({ certificate }) => certificate.pin)).size > 1,
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
        draftOf('ca-name', group, ({ subjectText }) => printable(subjectText)),
        `Give the authorities of ${clustersOf(group).join(', ')} different names.`,
      ),
    ),
  ];
}

function grouped(held: readonly Held[], keyOf: (certificate: Certificate) => string): readonly (readonly Held[])[] {
  const groups = new Map<string, Held[]>();
  for (const one of held) {
    const key = keyOf(one.certificate);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

const clustersOf = (group: readonly Held[]): readonly ClusterName[] => [
  ...new Set(group.map(({ cluster }) => cluster)),
];

function draftOf(
  kind: 'ca-key' | 'ca-name',
  group: readonly Held[],
  textOf: (certificate: Certificate) => string,
): Draft {
  const [first, ...others] = clustersOf(group);
  const held = group.find(({ cluster }) => cluster === first);
  const value = held === undefined ? '' : textOf(held.certificate);
  const what = { kind, key: 'ca.pem', value };
  const [second] = others;
  const other: OtherParty =
    others.length === 1 && second !== undefined ? { cluster: second, ...what } : { clusters: others, ...what };
  return {
    code: CODE,
    severity: 'warning',
    subject: { cluster: first ?? '', ...what },
    other,
    evidence: {
      authorities: group.map(({ cluster, certificate }) => ({
        cluster,
        subject: printable(certificate.subjectText),
        pin: certificate.pin,
      })),
    },
    winner: null,
    fingerprint: fingerprint([CODE, kind, value]),
  };
}

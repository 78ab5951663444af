// A finding: one conflict or fault, as data. The shape is what `/v1/conflicts` serves, so its keys are snake_case and only
// ever added to. Rules make drafts, which say what is wrong in the same way on every cluster; what this cluster withholds
// (effect) and since when are filled in afterwards.

import { fingerprint } from './fingerprint.ts';
import { compareText } from './order.ts';

export type Severity = 'blocking' | 'error' | 'warning' | 'info';
export const SEVERITIES: readonly Severity[] = ['blocking', 'error', 'warning', 'info'];

export const CATEGORIES = [
  'cidr',
  'cluster-id',
  'identity',
  'trust',
  'config',
  'service',
  'freshness',
  'record',
  'kernel',
] as const;
export type Category = (typeof CATEGORIES)[number];

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** One side of a finding: whose, what kind of thing, where it is written, and what it says. */
export interface Party {
  readonly cluster: string;
  readonly kind: string;
  readonly key: string;
  readonly value: string;
}

/** The other side; several clusters where the finding is not about a pair. */
export type OtherParty = Party | (Omit<Party, 'cluster'> & { readonly clusters: readonly string[] });

/** What this cluster withholds because of the finding: the one part that depends on the point of view. */
export interface Effect {
  readonly withheld: {
    /** Peers that are held back whole. */
    readonly clusters: readonly string[];
    readonly endpoints: number;
    readonly backends: number;
    readonly nodes: number;
    readonly identities: number;
    readonly ports: number;
    /** What clusters say of their exports; nobody loses anything by them. */
    readonly specs: number;
    /** A few of the keys, the first in key order. */
    readonly examples: readonly string[];
  };
  /** `namespace/name` of services that lose backends or ports, the first in order. */
  readonly services: readonly string[];
  readonly services_total: number;
}

export const NO_EFFECT: Effect = {
  withheld: { clusters: [], endpoints: 0, backends: 0, nodes: 0, identities: 0, ports: 0, specs: 0, examples: [] },
  services: [],
  services_total: 0,
};

export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly category: Category;
  readonly title: string;
  /** The loser; where there is none, the first by name. */
  readonly subject: Party;
  readonly other: OtherParty | null;
  readonly evidence: { readonly [key: string]: Json };
  readonly winner: string | null;
  readonly effect: Effect;
  /** RFC 3339 UTC. */
  readonly since: string;
  readonly last_seen: string;
  /** What to do, one imperative sentence. */
  readonly remediation: string;
  /** `docs/findings.md#…` */
  readonly docs: string;
  readonly fingerprint: string;
}

/** What a rule says: everything that does not depend on the point of view or on time. */
export interface Draft {
  readonly code: string;
  /** Where it differs from the catalogue's. */
  readonly severity?: Severity;
  readonly subject: Party;
  /** `'local'`: the finding is one-sided, and whoever looks is the other side. */
  readonly other: OtherParty | 'local';
  readonly evidence: { readonly [key: string]: Json };
  readonly winner: string | null;
  readonly fingerprint: string;
}

/** A conflict between two parties has one name, whichever of them loses. */
export function pairFingerprint(code: string, a: Party, b: Party): string {
  const [first, second] = [partyParts(a), partyParts(b)].sort((x, y) => compareText(x.join('\n'), y.join('\n')));
  return fingerprint([code, ...(first ?? []), ...(second ?? [])]);
}

/** A one-sided finding: its name does not depend on who looks, nor on a value that may change while the fault stays. */
export const soleFingerprint = (code: string, cluster: string, ...what: readonly string[]): string =>
  fingerprint([code, cluster, ...what]);

const partyParts = (party: Party): readonly string[] => [party.cluster, party.kind, party.key, party.value];

/** Clusters named by a finding, without doubles, the subject's first. */
export function clustersOf(finding: Pick<Finding, 'subject' | 'other'>): readonly string[] {
  const { subject, other } = finding;
  const others = other === null ? [] : 'clusters' in other ? other.clusters : [other.cluster];
  return [...new Set([subject.cluster, ...others])];
}

/** The order of findings in a report: what is worst first, then by code, then by name; never by chance. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) ||
    compareText(a.code, b.code) ||
    compareText(a.subject.cluster, b.subject.cluster) ||
    compareText(a.subject.key, b.subject.key) ||
    compareText(a.subject.value, b.subject.value) ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

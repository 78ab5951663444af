// The four sentences of a finding for people: what, why, effect, fix. Texts only; how they are laid out is the CLI's job.

import { catalogueRow } from './catalogue.ts';
import type { Effect, Finding, Json, OtherParty, Party } from './finding.ts';

export interface Explanation {
  readonly what: string;
  readonly why: string;
  readonly effect: string;
  readonly fix: string;
}

export function explain(finding: Finding): Explanation {
  const row = catalogueRow(finding.code);
  const against = finding.other === null || isOnlooker(finding.other) ? '' : ` against ${otherText(finding.other)}`;
  const winner = finding.winner === null ? '' : ` The first claim is that of ${finding.winner}.`;
  return {
    what: `${row.title}: ${partyText(finding.subject)}${against}${evidenceText(finding.evidence)}.${winner}`,
    why: row.why,
    effect: `${row.withholds}${effectText(finding.effect)}`,
    fix: finding.remediation,
  };
}

/** The local cluster, where a finding is one-sided: it only looks on. */
const isOnlooker = ({ kind, key, value }: OtherParty): boolean => kind === 'cluster' && key === '' && value === '';

const partyText = (party: Party): string => `${party.cluster}${thing(party)}`;

function otherText(other: OtherParty): string {
  return 'clusters' in other ? `${other.clusters.join(', ')}${thing(other)}` : partyText(other);
}

/** `pod CIDR 10.2.0.0/16`, or the key where there is no value. */
function thing({ kind, key, value }: Omit<Party, 'cluster'>): string {
  if (kind === 'service') return `, service ${key}`;
  if (kind === 'cluster' && value === '') return '';
  return `, ${kind.replace('-cidr', ' CIDR').replaceAll('-', ' ')} ${value === '' ? key : value}`;
}

function evidenceText(evidence: Finding['evidence']): string {
  const parts = Object.entries(evidence).map(([name, value]) => `${name.replaceAll('_', ' ')} ${jsonText(value)}`);
  return parts.length === 0 ? '' : ` (${parts.join('; ')})`;
}

function jsonText(value: Json): string {
  if (value === null || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return value.map(jsonText).join(', ') || 'none';
  return Object.entries(value)
    .map(([name, inner]) => `${name}: ${jsonText(inner)}`)
    .join(', ');
}

function effectText({ withheld, services, services_total }: Effect): string {
  const counts = (['endpoints', 'backends', 'nodes', 'identities', 'ports', 'specs'] as const)
    .filter((kind) => withheld[kind] > 0)
    .map((kind) => `${withheld[kind]} ${withheld[kind] === 1 ? SINGULAR[kind] : kind}`);
  const whole = withheld.clusters.length === 0 ? [] : [`all of ${withheld.clusters.join(', ')}`];
  const parts = [...whole, ...counts];
  if (parts.length === 0) return '';
  const more = services_total > services.length ? ` and ${services_total - services.length} more` : '';
  const affected = services.length === 0 ? '' : ` Services affected: ${services.join(', ')}${more}.`;
  return ` Withheld here: ${parts.join(', ')}.${affected}`;
}

const SINGULAR = {
  ...{ endpoints: 'endpoint', backends: 'backend', nodes: 'node', identities: 'identity', ports: 'port' },
  specs: 'spec',
};

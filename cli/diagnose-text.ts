// A finding in words, for every format: what, why, effect, fix, and between whom. A server may be newer than this command and know codes
// that this one does not; then the finding's own words have to do.

import { CATALOGUE } from '../mesh/conflict/catalogue.ts';
import { type Explanation, explain } from '../mesh/conflict/explain.ts';
import { clustersOf, type Finding } from '../mesh/conflict/finding.ts';
import { counted } from '../mesh/model/counted.ts';

export function explanationOf(finding: Finding): Explanation {
  if (CATALOGUE.has(finding.code)) return explain(finding);
  const { title, subject, remediation, docs } = finding;
  return {
    what: `${title}: ${subject.cluster}, ${subject.kind} ${subject.value || subject.key}.`,
    why: `This command does not know the code; see ${docs} of the server's version.`,
    effect: `${counted(finding.effect.services_total, 'service')} affected.`,
    fix: remediation,
  };
}

/** `rogue, central`: without the cluster that only looks on, as it does at a finding about one side. */
export function partiesOf(finding: Finding): string {
  const { subject, other } = finding;
  const onlooker = other !== null && other.kind === 'cluster' && other.key === '' && other.value === '';
  return clustersOf({ subject, other: onlooker ? null : other }).join(', ');
}

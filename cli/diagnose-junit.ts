// A report as JUnit XML: a suite for each category, a case for each check. A case fails where the command would exit with other than
// 0; a check that was not run to its end is skipped with its reason, and never counts as passed.

import { CATEGORIES, type Finding } from '../mesh/conflict/finding.ts';
import type { Check, Report } from '../mesh/conflict/report.ts';
import { explanationOf, partiesOf } from './diagnose-text.ts';
import { type XmlElement, xmlDocument } from './xml.ts';

export interface JunitOptions {
  /** Warnings fail too. */
  readonly strict: boolean;
}

export function renderJunit(report: Report, { strict }: JunitOptions): string {
  const failing = ({ severity }: Finding) =>
    severity === 'blocking' || severity === 'error' || (strict && severity === 'warning');
  const suites = CATEGORIES.flatMap((category) => {
    const cases = report.checks
      .filter((check) => check.category === category)
      .map((check) => caseOf(check, report, failing));
    const attributes = { name: category, ...countsOf(cases), timestamp: report.generated_at.slice(0, 19) };
    return cases.length === 0 ? [] : [{ name: 'testsuite', attributes, content: cases }];
  });
  const cases = suites.flatMap(({ content }) => content);
  return xmlDocument({
    name: 'testsuites',
    attributes: { name: `clustermesh ${report.cluster ?? 'mesh'}: ${report.verdict}`, ...countsOf(cases) },
    content: suites,
  });
}

function caseOf(check: Check, report: Report, failing: (finding: Finding) => boolean): XmlElement {
  const findings = report.findings.filter(({ code }) => code === check.code);
  const attributes = { classname: `clustermesh.${check.category}`, name: `${check.code} ${check.title}` };
  return { name: 'testcase', attributes, content: outcome(check, findings, failing) };
}

function outcome(
  { status, reason }: Check,
  findings: readonly Finding[],
  failing: (finding: Finding) => boolean,
): readonly XmlElement[] {
  const failed = findings.filter(failing);
  const [first] = failed;
  if (first !== undefined) {
    const attributes = { type: first.severity, message: `${reason}: ${first.title}` };
    return [{ name: 'failure', attributes, content: failed.map(textOf).join('\n\n') }];
  }
  if (findings.length > 0) return [{ name: 'system-out', content: findings.map(textOf).join('\n\n') }];
  if (status === 'failed') return [{ name: 'system-out', content: `${reason}, none of which the filter leaves` }];
  if (status === 'passed') return [];
  return [{ name: 'skipped', attributes: { message: `${status}: ${reason}` } }];
}

function textOf(finding: Finding): string {
  const { what, why, effect, fix } = explanationOf(finding);
  return [
    `${finding.severity} ${finding.code} ${partiesOf(finding)} ${finding.fingerprint}`,
    `what: ${what}`,
    `why: ${why}`,
    `effect: ${effect}`,
    `fix: ${fix}`,
  ].join('\n');
}

function countsOf(cases: readonly XmlElement[]): Readonly<Record<string, number>> {
  const having = (name: string) =>
    cases.filter(({ content }) => Array.isArray(content) && content[0]?.name === name).length;
  return { tests: cases.length, failures: having('failure'), errors: 0, skipped: having('skipped') };
}

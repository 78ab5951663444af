// A report as SARIF 2.1.0, for tools that show findings beside files. Where a folder was judged, a finding points to the file of its
// cluster; else to the key alone. What was not checked is told as a notification, so that an empty list of results does not
// look like health.

import { CATALOGUE } from '../mesh/conflict/catalogue.ts';
import type { Finding, Severity } from '../mesh/conflict/finding.ts';
import type { Report } from '../mesh/conflict/report.ts';
import { counted } from '../mesh/model/counted.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { explanationOf } from './diagnose-text.ts';
import { placeOf } from './offline/place.ts';

export interface SarifOptions {
  /** The findings are about files of a folder. */
  readonly files: boolean;
}

const LEVELS: Readonly<Record<Severity, 'error' | 'warning' | 'note'>> = {
  blocking: 'error',
  error: 'error',
  warning: 'warning',
  info: 'note',
};

export function renderSarif(report: Report, { files }: SarifOptions): string {
  const rows = [...CATALOGUE.values()];
  const indexes = new Map(rows.map(({ code }, at) => [code, at]));
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'clustermesh',
            version: SOFTWARE_VERSION,
            rules: rows.map(({ code, title, why, severity, category }) => ({
              id: code,
              shortDescription: { text: title },
              fullDescription: { text: why },
              help: { text: `clustermesh explain ${code}` },
              defaultConfiguration: { level: LEVELS[severity] },
              properties: { category },
            })),
          },
        },
        invocations: [
          {
            executionSuccessful: true,
            endTimeUtc: report.generated_at,
            toolExecutionNotifications: notifications(report),
          },
        ],
        ...(files ? { originalUriBaseIds: { MESH: { description: { text: 'the folder that was judged' } } } } : {}),
        results: report.findings.map((finding) => resultOf(finding, indexes.get(finding.code), files)),
        properties: { verdict: report.verdict, cluster: report.cluster },
      },
    ],
  };
  return JSON.stringify(log, undefined, 2);
}

function resultOf(finding: Finding, ruleIndex: number | undefined, files: boolean) {
  const { code, severity, subject, fingerprint, winner, since, effect } = finding;
  const words = explanationOf(finding);
  const logical = { fullyQualifiedName: [subject.cluster, subject.key].filter((part) => part !== '').join('/') };
  return {
    ruleId: code,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level: LEVELS[severity],
    message: { text: `${words.what} ${words.why} ${words.effect} Fix: ${words.fix}` },
    partialFingerprints: { 'clustermesh/v1': fingerprint },
    locations: [{ ...(files ? { physicalLocation: physical(finding) } : {}), logicalLocations: [logical] }],
    properties: { severity, winner, since, services: effect.services },
  };
}

function physical(finding: Finding) {
  const { path, line } = placeOf(finding);
  return {
    artifactLocation: { uri: path, uriBaseId: 'MESH' },
    ...(line === undefined ? {} : { region: { startLine: line } }),
  };
}

function notifications({ checks, omitted }: Report) {
  return [
    ...checks
      .filter(({ status }) => status === 'skipped' || status === 'unknown')
      .map(({ code, status, reason }) => ({
        level: status === 'unknown' ? 'warning' : 'note',
        message: { text: `${code} ${status}: ${reason}` },
        associatedRule: { id: code },
      })),
    ...omitted.map(({ code, cluster, count }) => ({
      level: 'warning',
      message: {
        text: `${counted(count, 'more finding')} of ${code} at ${cluster} ${count === 1 ? 'is' : 'are'} not listed`,
      },
      associatedRule: { id: code },
    })),
  ];
}

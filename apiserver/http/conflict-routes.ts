// The routes about conflicts: the report, one finding, what is withheld, and the one decision that a person may take.

import { filterReport, type Report, type ReportFilter } from '../../mesh/conflict/report.ts';
import type { HttpAnswer, Problem, Route } from '../../runtime/http.ts';
import type { ReleaseOutcome } from '../diagnostics/release.ts';
import { filterSchema, quarantineFilterSchema } from './schema/filter.ts';
import type { QuarantineEntry, ReleaseDocument } from './schema/quarantine.ts';

export interface ConflictRouteDeps {
  readonly report: () => Report | Promise<Report>;
  /** Calls when findings may have changed; returns how to stop. */
  readonly onFindings: (listener: () => void) => () => void;
  readonly quarantine: () => readonly QuarantineEntry[];
  readonly release: (fingerprint: string) => Promise<ReleaseOutcome>;
}

export function conflictRoutes(deps: ConflictRouteDeps): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/conflicts',
      handle: async ({ query, accept }) => {
        const filter = filterSchema.safeParse(Object.fromEntries(query));
        if (!filter.success) return badFilter(filter.error.issues);
        if (accept.includes('text/event-stream')) return followReport(deps, filter.data);
        return reportAnswer(await deps.report(), filter.data);
      },
    },
    {
      method: 'GET',
      path: '/v1/conflicts/{fingerprint}',
      handle: async ({ params }) => {
        const { findings } = await deps.report();
        const finding = findings.find(({ fingerprint }) => fingerprint === params.fingerprint);
        if (finding === undefined) return { problem: notPresent(params.fingerprint) };
        const { last_seen: _seen, ...version } = finding;
        return { json: finding, version };
      },
    },
    {
      method: 'GET',
      path: '/v1/quarantine',
      handle: ({ query }) => {
        const filter = quarantineFilterSchema.safeParse(Object.fromEntries(query));
        if (!filter.success) return badFilter(filter.error.issues);
        const { peer } = filter.data;
        const records = deps.quarantine().filter((entry) => peer === undefined || entry.peer === peer);
        return { json: { schema_version: 1, records } };
      },
    },
    {
      method: 'POST',
      path: '/v1/quarantine/{fingerprint}/release',
      local: true,
      handle: async ({ params }) => releaseAnswer(params.fingerprint, await deps.release(params.fingerprint ?? '')),
    },
  ];
}

/** An unfiltered answer would look like a filtered one, and one without findings like health. */
function badFilter(issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): HttpAnswer {
  const detail = issues.map(({ path, message }) => [...path.map(String), message].join(': ')).join('; ');
  return { problem: { status: 400, type: 'about:blank', title: 'Unknown filter', code: 'FILTER_UNKNOWN', detail } };
}

function reportAnswer(report: Report, filter: ReportFilter): HttpAnswer {
  const filtered = filterReport(report, filter);
  return { json: filtered, version: versionOf(filtered) };
}

/** Everything of a report but the times at which it was looked at. */
function versionOf({ findings, checks, verdict, omitted }: Report): unknown {
  return [verdict, checks, omitted, findings.map(({ last_seen: _seen, ...finding }) => finding)];
}

function followReport(deps: ConflictRouteDeps, filter: ReportFilter): HttpAnswer {
  return {
    events(send, signal) {
      let sent = '';
      const show = (whole: Report) => {
        const report = filterReport(whole, filter);
        const version = JSON.stringify(versionOf(report));
        if (version === sent || signal.aborted) return;
        sent = version;
        send('report', report);
      };
      const look = async () => show(await deps.report());
      const looks = () => void look();
      looks();
      signal.addEventListener('abort', deps.onFindings(looks), { once: true });
    },
  };
}

function releaseAnswer(fingerprint: string | undefined, outcome: ReleaseOutcome): HttpAnswer {
  switch (outcome.result) {
    case 'released': {
      const { cluster, finding, recorded } = outcome;
      return { json: { schema_version: 1, cluster, finding, recorded } satisfies ReleaseDocument };
    }
    case 'unknown':
      return { problem: notPresent(fingerprint) };
    case 'undecidable': {
      const detail = `${outcome.finding.code} goes when its cause does: ${outcome.finding.remediation}`;
      const findings = [outcome.finding];
      return { problem: refusal('RELEASE_UNDECIDABLE', 'Not for a person to decide', detail, { findings }) };
    }
    case 'standby':
      return {
        problem: refusal('RELEASE_STANDBY', 'This replica does not write', 'another API server of this cluster leads', {
          hint: 'ask the one whose /v1/status says leader',
        }),
      };
    default:
      return outcome satisfies never;
  }
}

const refusal = (code: string, title: string, detail: string, more: Readonly<Record<string, unknown>>): Problem => ({
  status: 409,
  type: 'about:blank',
  title,
  code,
  detail,
  ...more,
});

const notPresent = (fingerprint: string | undefined): Problem => ({
  status: 404,
  type: 'about:blank',
  title: 'Not found',
  code: 'FINDING_UNKNOWN',
  detail: `no finding ${fingerprint} is present`,
  hint: 'see `clustermesh diagnose -o json`; a finding goes with its cause',
});

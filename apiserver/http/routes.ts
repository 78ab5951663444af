// The HTTP API of a mesh API server: what it says of itself, of its services and of the conflicts that it found. Reading only.
// Documents are made when asked for, from what the parts hold.

import { filterReport, type Report, type ReportFilter } from '../../mesh/conflict/report.ts';
import type { Health } from '../../runtime/health.ts';
import type { HttpAnswer, Route } from '../../runtime/http.ts';
import type { ServicesDocument, StatusDocument } from '../status.ts';

export interface QuarantineEntry {
  readonly peer: string;
  readonly key: string;
  readonly codes: readonly string[];
  readonly findings: readonly string[];
  readonly reason: string;
  readonly since: string;
}

export interface RouteDeps {
  readonly health: Health;
  readonly status: () => StatusDocument;
  readonly services: () => ServicesDocument;
  readonly report: () => Report;
  /** Calls when findings may have changed; returns how to stop. */
  readonly onFindings: (listener: () => void) => () => void;
  readonly quarantine: () => readonly QuarantineEntry[];
  readonly metrics: () => Promise<string>;
}

export function apiRoutes(deps: RouteDeps): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  return [
    get('/healthz', () => ({ json: { status: 'ok' } })),
    get('/readyz', () => readiness(deps.health)),
    get('/metrics', async () => ({ text: await deps.metrics(), contentType: 'text/plain; version=0.0.4' })),
    get('/v1/status', () => ({ json: deps.status() })),
    get('/v1/services', () => ({ json: deps.services() })),
    get('/v1/conflicts', ({ query, accept }) => {
      const filter = readFilter(query);
      if ('problem' in filter) return filter;
      return accept.includes('text/event-stream') ? followReport(deps, filter) : reportAnswer(deps.report(), filter);
    }),
    get('/v1/conflicts/{fingerprint}', ({ params }) => {
      const finding = deps.report().findings.find(({ fingerprint }) => fingerprint === params.fingerprint);
      return finding === undefined ? notFound(`no finding ${params.fingerprint} is present`) : { json: finding };
    }),
    get('/v1/quarantine', ({ query }) => {
      const peer = query.get('peer');
      const records = deps.quarantine().filter((entry) => peer === null || entry.peer === peer);
      return { json: { schema_version: 1, records } };
    }),
  ];
}

function readiness(health: Health): HttpAnswer {
  const parts = Object.fromEntries(health.entries);
  return { status: health.ready ? 200 : 503, json: { status: health.ready ? 'ready' : 'starting', parts } };
}

const FILTERS = ['peer', 'severity', 'category', 'code', 'service'] as const;

/** A filter that is not known is refused: an unfiltered answer would look like a filtered one. */
function readFilter(query: URLSearchParams): ReportFilter | (HttpAnswer & { problem: unknown }) {
  const filter: Record<string, string> = {};
  for (const [name, value] of query) {
    if (!(FILTERS as readonly string[]).includes(name)) {
      const detail = `there is no filter "${name}"; there are ${FILTERS.join(', ')}`;
      return { problem: { status: 400, type: 'about:blank', title: 'Unknown filter', detail } };
    }
    filter[name] = value;
  }
  return filter;
}

function reportAnswer(report: Report, filter: ReportFilter): HttpAnswer {
  const filtered = filterReport(report, filter);
  return { json: filtered, version: versionOf(filtered) };
}

/** Everything of a report but the times at which it was looked at. */
function versionOf({ findings, checks, verdict, omitted }: Report): unknown {
  return [verdict, checks, omitted, findings.map(({ last_seen: _seen, ...finding }) => finding)];
}

function followReport(deps: RouteDeps, filter: ReportFilter): HttpAnswer {
  return {
    events(send, signal) {
      let sent = '';
      const look = () => {
        const report = filterReport(deps.report(), filter);
        const version = JSON.stringify(versionOf(report));
        if (version === sent) return;
        sent = version;
        send('report', report);
      };
      look();
      signal.addEventListener('abort', deps.onFindings(look), { once: true });
    },
  };
}

const notFound = (detail: string): HttpAnswer => ({
  problem: { status: 404, type: 'about:blank', title: 'Not found', detail },
});

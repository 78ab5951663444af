// `GET /v1/conflicts` as its readers use it: filters narrow the findings and nothing else, an ETag lasts for as long as nothing but the time
// changes, and an event stream says each change once. What the answers look like is in api.test.ts.

import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Report } from '../../mesh/conflict/report.ts';
import { type HttpServer, serveHttp } from '../../runtime/http.ts';
import { silentLog } from '../../runtime/log.ts';
import { AdmittedMesh } from '../../test/samples/admission.ts';
import { endpoint, wholeCluster } from '../../test/samples/mesh.ts';
import { conflictRoutes } from './conflict-routes.ts';

const west = wholeCluster('west', 1);
const central = wholeCluster('central', 2);
/** Two errors of different kinds, and what is only a warning. */
const late = wholeCluster('late', 9, {
  card: { podCIDRs: ['10.9.0.0/16', '10.2.64.0/18'], capabilities: ['service-exports'] },
  records: [endpoint('8.8.8.8', 6)],
});

let dir: string;
let mesh: AdmittedMesh;
let server: HttpServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'conflicts-'));
  mesh = new AdmittedMesh([west, central, late]);
  const routes = conflictRoutes({
    report: () => mesh.report,
    onFindings: (listener) => mesh.engine.onFindings(listener),
    quarantine: () => [],
    release: () => Promise.reject(new Error('not asked for here')),
  });
  server = await serveHttp(`unix:${join(dir, 'api.sock')}`, routes, silentLog);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly etag: string;
  readonly body: string;
}

const ask = (query = '', headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(dir, 'api.sock'), path: `/v1/conflicts${query}`, headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += String(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, etag: String(response.headers.etag ?? ''), body }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });

const reportAt = async (query = '') => JSON.parse((await ask(query)).body) as Report;
const codesIn = ({ findings }: Report) => findings.map(({ code }) => code);

test.each([
  ['', ['CM-CIDR-001', 'CM-CIDR-006', 'CM-CFG-003', 'CM-CFG-003']],
  ['?severity=warning', ['CM-CFG-003', 'CM-CFG-003']],
  ['?severity=error', ['CM-CIDR-001', 'CM-CIDR-006']],
  ['?category=config', ['CM-CFG-003', 'CM-CFG-003']],
  ['?code=CM-CIDR-006', ['CM-CIDR-006']],
  ['?peer=central', ['CM-CIDR-001', 'CM-CFG-003']],
  ['?peer=late&severity=error&code=CM-CIDR-001', ['CM-CIDR-001']],
  ['?service=shop%2Fweb', []],
])(
  '%j narrows the findings, and the checks to those of the code or category, and leaves the verdict',
  async (query, codes) => {
    const [report, all] = [await reportAt(query), await reportAt()];
    expect(codesIn(report).sort()).toEqual([...codes].sort());
    expect(report.verdict).toBe('degraded');
    const [category, code] = ['category', 'code'].map((name) => new URLSearchParams(query).get(name));
    const kept = all.checks.filter((check) => check.category === (category ?? check.category));
    expect(report.checks).toEqual(kept.filter((check) => check.code === (code ?? check.code)));
  },
);

test('an ETag lasts while nothing but the time changes, and for its filter alone', async () => {
  const { etag, status } = await ask();
  expect(status).toBe(200);
  mesh.clock.advance(60_000);
  expect(await ask('', { 'if-none-match': etag })).toMatchObject({ status: 304, body: '' });
  expect((await ask('?severity=error', { 'if-none-match': etag })).status).toBe(200);
  mesh.say('late', { type: 'delete', key: 'cilium/state/ip/v1/default/8.8.8.8', modRevision: 2 });
  const changed = await ask('', { 'if-none-match': etag });
  expect(changed.status).toBe(200);
  expect(codesIn(JSON.parse(changed.body) as Report)).not.toContain('CM-CIDR-006');
});

test('an event stream begins with the report, says each change of what it filters once, and nothing between', async () => {
  const seen: string[][] = [];
  const stop = new AbortController();
  const asked = request(
    {
      socketPath: join(dir, 'api.sock'),
      path: '/v1/conflicts?severity=error',
      headers: { accept: 'text/event-stream' },
      signal: stop.signal,
    },
    (response) => {
      expect(response.headers['content-type']).toMatch(/^text\/event-stream/);
      let text = '';
      response.on('error', () => {});
      response.on('data', (chunk) => {
        text += String(chunk);
        seen.splice(
          0,
          seen.length,
          ...[...text.matchAll(/^event: report\ndata: (.*)$/gm)].map(([, json]) =>
            codesIn(JSON.parse(json ?? '') as Report),
          ),
        );
      });
    },
  );
  asked.on('error', () => {});
  asked.end();
  await vi.waitFor(() => expect(seen).toEqual([['CM-CIDR-001', 'CM-CIDR-006']]));
  // A heartbeat, and what the filter hides.
  mesh.engine.setFreshness(late.name as never, { freshness: 'fresh', heartbeatAgeMs: 0, synced: true });
  mesh.card(late, { podCIDRs: ['10.9.0.0/16', '10.2.64.0/18'] });
  mesh.say('late', { type: 'delete', key: 'cilium/state/ip/v1/default/8.8.8.8', modRevision: 2 });
  await vi.waitFor(() => expect(seen.at(-1)).toEqual(['CM-CIDR-001']));
  expect(seen).toEqual([['CM-CIDR-001', 'CM-CIDR-006'], ['CM-CIDR-001']]);
  mesh.engine.removePeer('late' as never);
  await vi.waitFor(() => expect(seen).toEqual([['CM-CIDR-001', 'CM-CIDR-006'], ['CM-CIDR-001'], []]));
  stop.abort();
});

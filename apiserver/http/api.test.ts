// The HTTP API against its own description: real documents fit the published schemas and lose nothing by them, every route is
// described, filters that are not known are refused, and a release is answered for what came of it.

import { afterEach, expect, expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type { Finding } from '../../mesh/conflict/finding.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import { Health } from '../../runtime/health.ts';
import { type HttpServer, serveHttp } from '../../runtime/http.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { judged, only, wholeCluster } from '../../test/samples/mesh.ts';
import { trustRoutes } from '../bundles/routes.ts';
import type { ReleaseOutcome } from '../diagnostics/release.ts';
import { servicesDocument, statusDocument } from '../documents.ts';
import { joinRoutes } from '../join/routes.ts';
import { ladderRoutes } from '../peers/ladder/routes.ts';
import { openApiDocument } from './openapi.ts';
import { apiRoutes, type RouteDeps } from './routes.ts';
import { problemSchema } from './schema/problem.ts';
import { quarantineSchema, releaseSchema } from './schema/quarantine.ts';
import { findingSchema, reportSchema } from './schema/report.ts';
import { servicesSchema, statusSchema } from './schema/status.ts';

const { report } = judged('west', [
  { ...wholeCluster('west', 1) },
  { ...wholeCluster('central', 2), admitted: { uid: 'before the rebuild' } },
  wholeCluster('rogue', 9, { card: { podCIDRs: ['10.2.128.0/17', '10.9.0.0/16'] } }),
  { name: 'plain', id: 7, plain: true, freshness: { state: 'stale', lastHeartbeatAt: 0, synced: false } },
]);
const rebuilt = only(report, 'CM-ID-004');
const overlap = only(report, 'CM-CIDR-001');

const clock = new ManualClock();
const status = statusDocument({
  cluster: { name: 'west', id: 1 },
  software: '0.1.0',
  leader: true,
  mirror: {
    phase: 'live',
    position: undefined,
    staleSince: 0,
    lastHeard: 0,
    listed: 0,
    lastError: undefined,
    disconnects: 0,
  },
  clock,
  objects: 3,
  problems: [{ file: 'web.yaml', line: 3, code: 'MANIFEST_FIELD', reason: 'no name' }],
  snapshot: undefined,
  reached: undefined,
  peers: [],
  outcome: () => ({ admitted: 0, quarantined: 0 }),
  progress: () => undefined,
  ladder: () => undefined,
  agents: [],
  health: new Health(clock),
});
const entry = {
  peer: 'rogue',
  key: 'k',
  codes: ['CM-CIDR-001'],
  findings: ['f'],
  reason: 'overlap',
  since: report.generated_at,
};

const OUTCOMES: Readonly<Record<string, ReleaseOutcome>> = {
  [rebuilt.fingerprint]: { result: 'released', cluster: 'central' as never, finding: rebuilt, recorded: true },
  [overlap.fingerprint]: { result: 'undecidable', finding: overlap },
  standby: { result: 'standby' },
};

const deps: RouteDeps = {
  health: new Health(clock),
  status: () => status,
  services: () => servicesDocument(undefined, () => undefined),
  metrics: async () => '',
  report: () => report,
  onFindings: () => () => {},
  quarantine: () => [entry],
  release: async (fingerprint) => OUTCOMES[fingerprint] ?? { result: 'unknown' },
};

let server: HttpServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function ask(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<Response> {
  server ??= await serveHttp('127.0.0.1:0', apiRoutes(deps), silentLog);
  return fetch(`${server.address}${path}`, { method, headers });
}

test.each<[string, z.ZodType]>([
  ['/v1/conflicts', reportSchema],
  [`/v1/conflicts/${overlap.fingerprint}`, findingSchema],
  ['/v1/quarantine?peer=rogue', quarantineSchema],
  ['/v1/status', statusSchema],
  ['/v1/services', servicesSchema],
])('%s fits its schema, which describes all of it', async (path, schema) => {
  const document: unknown = await (await ask(path)).json();
  expect(schema.parse(document)).toEqual(document);
});

test('schemas and types say the same', () => {
  expectTypeOf<z.infer<typeof reportSchema>>().toExtend<Report>();
  expectTypeOf<Report>().toExtend<z.infer<typeof reportSchema>>();
  expectTypeOf<Finding>().toExtend<z.infer<typeof findingSchema>>();
});

test('every route is described, and nothing else', () => {
  const joining = {
    ...{ invite: never, invitations: never, withdraw: never, plan: never },
    ...{ join: never, leave: never, revoke: never, peers: never },
  };
  const routes = [
    ...apiRoutes(deps),
    ...joinRoutes(joining),
    ...ladderRoutes({ self: 'west' as never, climb: never }),
    ...trustRoutes(never),
  ];
  const { paths } = openApiDocument('0') as { paths: Record<string, Record<string, unknown>> };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(described.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
});

test('the description is complete in itself: whatever it refers to is in it', async () => {
  const text = await (await ask('/openapi.json')).text();
  const { openapi, components } = JSON.parse(text) as { openapi: string; components: { schemas: object } };
  expect(openapi).toBe('3.1.0');
  const referred = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference]) => reference));
  expect(referred.size).toBeGreaterThan(5);
  expect([...referred].sort()).toEqual(
    [...referred].filter((reference) => (reference?.split('/').at(-1) ?? '') in components.schemas).sort(),
  );
});

test.each([
  '/v1/conflicts?colour=red',
  '/v1/conflicts?severity=awful',
  '/v1/conflicts?code=CM-X',
  '/v1/quarantine?peer=No!',
])('%s is refused: an answer without findings must not look like health', async (path) => {
  const response = await ask(path);
  expect(response.status).toBe(400);
  expect(problemSchema.parse(await response.json())).toMatchObject({ code: 'FILTER_UNKNOWN' });
});

test('one finding is told by its ETag, whenever it is looked at', async () => {
  const path = `/v1/conflicts/${overlap.fingerprint}`;
  const etag = (await ask(path)).headers.get('etag') ?? '';
  expect((await ask(path, 'GET', { 'if-none-match': etag })).status).toBe(304);
});

const release = (fingerprint: string) => ask(`/v1/quarantine/${fingerprint}/release`, 'POST');

test('a release says what was decided', async () => {
  const response = await release(rebuilt.fingerprint);
  expect(response.status).toBe(200);
  expect(releaseSchema.parse(await response.json())).toMatchObject({
    cluster: 'central',
    finding: { code: 'CM-ID-004' },
  });
});

test.each([
  [overlap.fingerprint, 409, { code: 'RELEASE_UNDECIDABLE', findings: [overlap] }],
  ['standby', 409, { code: 'RELEASE_STANDBY' }],
  ['nothing', 404, { code: 'FINDING_UNKNOWN' }],
])('a release that is refused is a problem (%s)', async (fingerprint, status, problem) => {
  const response = await release(fingerprint);
  expect(response.status).toBe(status);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(problemSchema.parse(await response.json())).toMatchObject(problem);
});

function never(): never {
  throw new Error('not asked for');
}

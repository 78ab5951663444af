import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ReleaseOutcome } from '../apiserver/diagnostics/release.ts';
import { conflictRoutes } from '../apiserver/http/conflict-routes.ts';
import { type HttpServer, serveHttp } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { judged, named, only, wholeCluster } from '../test/samples/mesh.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { releaseCommand } from './release.ts';

const { report } = judged('west', [
  wholeCluster('west', 1),
  { ...wholeCluster('central', 2), admitted: { uid: 'before the rebuild' } },
]);
const finding = only(report, 'CM-ID-004');

let dir: string;
let server: HttpServer;
let outcome: ReleaseOutcome;
let asked: string[];
const printed = keepPrinted();
beforeEach(async () => {
  asked = [];
  outcome = { result: 'released', cluster: named('central'), finding, recorded: true };
  dir = await mkdtemp(join(tmpdir(), 'release-'));
  const routes = conflictRoutes({
    report: () => report,
    onFindings: () => () => {},
    quarantine: () => [],
    release: async (fingerprint) => {
      asked.push(fingerprint);
      return outcome;
    },
  });
  server = await serveHttp(`unix:${join(dir, 'api.sock')}`, routes, silentLog);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

const release = (fingerprint: string, ...args: readonly string[]) =>
  releaseCommand().parseAsync([fingerprint, '--server', server.address, ...args], { from: 'user' });

test('--yes releases, and says whose state is used from then on', async () => {
  await release(finding.fingerprint, '--yes');
  expect(asked).toEqual([finding.fingerprint]);
  expect(printed.take()).toBe('released: the state of central is used from here on\n');
});

test('-o json prints what the server answers', async () => {
  await release(finding.fingerprint, '--yes', '-o', 'json');
  expect(JSON.parse(printed.take())).toMatchObject({ schema_version: 1, cluster: 'central', recorded: true });
});

test('without a yes nothing is asked of the server', async () => {
  await release(finding.fingerprint);
  expect(asked).toEqual([]);
  expect(process.exitCode).toBe(1);
});

test('a refusal comes with its own code and reason', async () => {
  outcome = { result: 'undecidable', finding };
  await expect(release(finding.fingerprint, '--yes')).rejects.toMatchObject({ code: 'RELEASE_UNDECIDABLE' });
  outcome = { result: 'standby' };
  await expect(release(finding.fingerprint, '--yes')).rejects.toMatchObject({ code: 'RELEASE_STANDBY' });
  await expect(release('nothing', '--yes')).rejects.toMatchObject({ code: 'API_REFUSED' });
});

// `clustermesh diagnose` as a pipeline runs it: over a folder, and against a running API; every format as a golden file that can be
// read as documentation. `UPDATE_GOLDEN=1` writes them anew; commit only the differences that you understand.

import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { conflictRoutes } from '../apiserver/http/conflict-routes.ts';
import { reportSchema } from '../apiserver/http/schema/report.ts';
import type { Report } from '../mesh/conflict/report.ts';
import { type HttpServer, serveHttp } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { NOW } from '../test/samples/mesh.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { diagnoseCommand } from './diagnose.ts';
import { offlineReport } from './offline/report.ts';

const GOLDEN = join(import.meta.dirname, '../test/golden/offline');
const MESH = join(GOLDEN, 'mesh');

let dir: string;
const printed = keepPrinted();
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'diagnose-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function diagnose(...args: readonly string[]): Promise<{ readonly text: string; readonly exit: unknown }> {
  process.exitCode = undefined;
  await diagnoseCommand().exitOverride().parseAsync(args, { from: 'user' });
  return { text: printed.take(), exit: process.exitCode };
}

const AT = ['--now', '2026-02-01T00:00:00Z'];
const offline = (folder: string, ...args: readonly string[]) => diagnose('--offline', folder, ...AT, ...args);

/** A copy of the sample with only these clusters. */
async function meshOf(...clusters: readonly string[]): Promise<string> {
  const folder = join(dir, clusters.join('-') || 'empty');
  await mkdir(folder);
  for (const cluster of clusters) await cp(join(MESH, cluster), join(folder, cluster), { recursive: true });
  return folder;
}

describe('formats', () => {
  test.each([
    ['table', 'report.txt'],
    ['json', 'report.json'],
    ['junit', 'report.junit.xml'],
    ['sarif', 'report.sarif.json'],
  ])('%s', async (format, file) => {
    const { text, exit } = await offline(MESH, '-o', format);
    if (process.env.UPDATE_GOLDEN === '1') await writeFile(join(GOLDEN, file), text);
    expect(text).toBe(await readFile(join(GOLDEN, file), 'utf8'));
    expect(exit).toBe(1);
  });

  test('junit does not pass off a check as passed whose findings the filter has taken out', async () => {
    const { text, exit } = await offline(MESH, '-o', 'junit', '--peer', 'plain');
    expect(text).toContain('<system-out>1 finding, none of which the filter leaves</system-out>');
    expect(exit).toBe(0);
  });

  test('json is the report that the API serves', async () => {
    const { text } = await offline(MESH, '-o', 'json');
    expect(reportSchema.parse(JSON.parse(text))).toEqual(JSON.parse(text));
  });
});

describe('exit codes', () => {
  test('0 when nothing is blocking or in error, 2 for warnings under --strict', async () => {
    const folder = await meshOf('west', 'plain');
    expect((await offline(folder)).exit).toBe(0);
    expect((await offline(folder, '--strict')).exit).toBe(0);
    await writeFile(join(folder, 'west', 'heartbeat'), '2026-01-31T23:58:00Z');
    expect((await offline(folder)).exit).toBe(0);
    expect((await offline(folder, '--strict')).exit).toBe(2);
  });

  test('1 for errors, and only for those that the filter leaves', async () => {
    expect((await offline(MESH)).exit).toBe(1);
    expect((await offline(MESH, '--peer', 'rogue')).exit).toBe(1);
    expect((await offline(MESH, '--peer', 'plain')).exit).toBe(0);
    expect((await offline(MESH, '--category', 'cluster-id')).exit).toBe(0);
    expect((await offline(MESH, '--severity', 'info')).exit).toBe(0);
    expect((await offline(MESH, '--service', 'shop/cart')).exit).toBe(1);
  });

  test('3 when nothing could be evaluated: no mesh, no such cluster, only checks without input', async () => {
    await expect(offline(join(dir, 'nowhere'))).rejects.toMatchObject({ code: 'OFFLINE_FOLDER' });
    await expect(offline(await meshOf())).rejects.toMatchObject({ code: 'OFFLINE_FOLDER' });
    await expect(offline(MESH, '--peer', 'wset')).rejects.toMatchObject({ code: 'DIAGNOSE_UNKNOWN_PEER' });
    await expect(diagnose('--server', 'unix:/nowhere/at.all')).rejects.toMatchObject({ code: 'API_UNREACHABLE' });
    expect((await offline(MESH, '--code', 'CM-KERN-001')).exit).toBe(3);
  });

  test('2 for wrong usage', async () => {
    for (const args of [
      ['--now', '2026-02-01T00:00:00Z'],
      ['--code', 'CM-NO-1'],
      ['--severity', 'awful'],
      ['-o', 'pdf'],
    ]) {
      await expect(diagnose(...args)).rejects.toBeInstanceOf(CommanderError);
    }
  });
});

describe('online', () => {
  let server: HttpServer;
  let report: Report;
  beforeEach(async () => {
    report = await offlineReport(MESH, NOW);
    const routes = conflictRoutes({
      report: () => report,
      onFindings: () => () => {},
      quarantine: () => [],
      release: async () => ({ result: 'unknown' }),
    });
    server = await serveHttp(`unix:${join(dir, 'api.sock')}`, routes, silentLog);
  });
  afterEach(() => server.close());

  test.each(['table', 'json', 'junit'])('%s is what it is offline', async (format) => {
    const online = await diagnose('--server', server.address, '-o', format);
    expect(online).toEqual(await offline(MESH, '-o', format));
  });

  test('filters are those of the API', async () => {
    const { text } = await diagnose(
      '--server',
      server.address,
      '-o',
      'json',
      '--code',
      'cm-cidr-001',
      '--peer',
      'central',
    );
    expect(JSON.parse(text)).toMatchObject({ findings: [{ code: 'CM-CIDR-001' }], checks: [{ code: 'CM-CIDR-001' }] });
  });

  test('an answer that is no report is told apart from a mesh without findings', async () => {
    report = { ...report, verdict: 'splendid' as never };
    await expect(diagnose('--server', server.address)).rejects.toMatchObject({ code: 'API_UNEXPECTED' });
  });
});

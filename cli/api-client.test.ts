// What commands make of answers that are not those of the program that they mean.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HttpServer, type Route, serveHttp } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { mapsCommand } from './maps.ts';
import { statusCommand } from './status.ts';
import { waitCommand } from './wait.ts';

/** As an agent answers, which has the path of its state in common with API servers, and as no program of ours would. */
const routes: readonly Route[] = [
  { method: 'GET', path: '/v1/status', handle: () => ({ json: { schema_version: 1, node: 'n1', snapshot: null } }) },
  { method: 'GET', path: '/v1/maps', handle: () => ({ json: [] }) },
];

let dir: string;
let server: HttpServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'api-client-'));
  server = await serveHttp(`unix:${join(dir, 'api.sock')}`, routes, silentLog);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true, force: true });
});

test('an agent that is asked as an API server is told apart from a fault of the command', async () => {
  const asked = ['--server', server.address];
  const told = { code: 'API_OTHER_DOCUMENT', hint: expect.stringContaining('--server names an API server') };
  await expect(statusCommand().parseAsync(asked, { from: 'user' })).rejects.toMatchObject(told);
  await expect(waitCommand().parseAsync(['--converged', ...asked], { from: 'user' })).rejects.toMatchObject(told);
});

test('an answer that is no document at all is another one, too', async () => {
  const dump = mapsCommand().parseAsync(['dump', '--agent', server.address], { from: 'user' });
  await expect(dump).rejects.toMatchObject({ code: 'API_OTHER_DOCUMENT', subject: `${server.address}/v1/maps` });
});

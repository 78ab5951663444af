import { mkdtemp } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type HttpServer, listenError, type Route, serveHttp } from './http.ts';
import { silentLog } from './log.ts';

const open: HttpServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function serve(routes: Route[], listen = '127.0.0.1:0'): Promise<HttpServer> {
  const server = await serveHttp(listen, routes, silentLog);
  open.push(server);
  return server;
}

test('answers by path parameter, with an ETag that a second read may use', async () => {
  const { address } = await serve([{ method: 'GET', path: '/v1/x/{id}', handle: ({ params }) => ({ json: params }) }]);
  const first = await fetch(`${address}/v1/x/a%20b`);
  expect(await first.json()).toEqual({ id: 'a b' });
  const again = await fetch(`${address}/v1/x/a%20b`, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
  expect(again.status).toBe(304);
});

test('an unknown path and a wrong method are problems', async () => {
  const { address } = await serve([{ method: 'GET', path: '/x', handle: () => ({ json: 1 }) }]);
  expect((await fetch(`${address}/y`)).status).toBe(404);
  expect((await fetch(`${address}/x`, { method: 'DELETE' })).status).toBe(405);
});

test('a handler that throws answers 500 and the server lives', async () => {
  const { address } = await serve([{ method: 'GET', path: '/x', handle: () => Promise.reject(new Error('bug')) }]);
  expect((await fetch(`${address}/x`)).status).toBe(500);
  expect((await fetch(`${address}/x`)).status).toBe(500);
});

test('listens on a unix socket, also over the file of a killed process', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'http-')), 's.sock');
  const routes: Route[] = [{ method: 'GET', path: '/x', handle: () => ({ json: 1 }) }];
  await (await serve(routes, `unix:${path}`)).close();
  await serve(routes, `unix:${path}`);
  const status = await new Promise((resolve) =>
    httpRequest({ socketPath: path, path: '/x' }, (r) => resolve(r.statusCode)).end(),
  );
  expect(status).toBe(200);
});

test('a taken port is named with what to do', async () => {
  const { address } = await serve([]);
  const listen = address.replace('http://', '');
  await expect(serveHttp(listen, [], silentLog)).rejects.toThrow(/LISTEN_ADDRESS_TAKEN.*another process/);
});

test('a taken port is known by its text alone, as grpc-js tells it; what else fails is another error', () => {
  const taken = new Error(
    'No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use]',
  );
  expect(listenError('0.0.0.0:1', taken)).toMatchObject({ code: 'LISTEN_ADDRESS_TAKEN', subject: '0.0.0.0:1' });
  expect(listenError('0.0.0.0:1', new Error('listen EACCES')).code).toBe('LISTEN_FAILED');
});

test('events reach the reader', async () => {
  const route: Route = { method: 'GET', path: '/e', handle: () => ({ events: (send) => send('hello', { a: 1 }) }) };
  const { address } = await serve([route]);
  const response = await fetch(`${address}/e`);
  const chunk = await response.body?.getReader().read();
  expect(new TextDecoder().decode(chunk?.value)).toBe('event: hello\ndata: {"a":1}\n\n');
});

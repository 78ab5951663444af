import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type HttpServer, type Route, serveHttp } from './http.ts';
import { HTTP_LIMITS } from './http-limits.ts';
import { type Log, silentLog } from './log.ts';

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

test('an unknown path and a wrong method are problems, and what the path takes is said', async () => {
  const handle = () => ({ json: 1 });
  const { address } = await serve([
    { method: 'GET', path: '/x', handle },
    { method: 'POST', path: '/x', handle },
  ]);
  expect((await fetch(`${address}/y`)).status).toBe(404);
  const refused = await fetch(`${address}/x`, { method: 'DELETE' });
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
});

test('a target that is no path is the fault of who asks, and no error of this side', async () => {
  const errors: unknown[] = [];
  const log: Log = { ...silentLog, error: (...told) => void errors.push(told) };
  const server = await serveHttp('127.0.0.1:0', [{ method: 'GET', path: '/x', handle: () => ({ json: 1 }) }], log);
  open.push(server);
  const { hostname, port } = new URL(server.address);
  const status = await new Promise((resolve) =>
    httpRequest({ hostname, port, path: '//' }, (r) => resolve(r.statusCode)).end(),
  );
  expect([status, errors]).toEqual([400, []]);
});

test.each([
  ['one of several tags', (etag: string) => `"another", ${etag}`],
  ['a tag that a proxy has weakened', (etag: string) => `W/${etag}`],
  ['any', () => '*'],
])('%s in If-None-Match saves the answer', async (_, known) => {
  const { address } = await serve([{ method: 'GET', path: '/x', handle: () => ({ json: 1 }) }]);
  const etag = (await fetch(`${address}/x`)).headers.get('etag') ?? '';
  expect((await fetch(`${address}/x`, { headers: { 'if-none-match': known(etag) } })).status).toBe(304);
  expect((await fetch(`${address}/x`, { headers: { 'if-none-match': known('"no"').replace('*', '') } })).status).toBe(
    200,
  );
});

test('the head alone has the tag and the length of the whole, and no stream is opened for it', async () => {
  const { address } = await serve([
    { method: 'GET', path: '/x', handle: () => ({ json: { a: 'ä' } }) },
    { method: 'GET', path: '/e', handle: () => ({ events: () => {} }) },
  ]);
  const whole = await fetch(`${address}/x`);
  const head = await fetch(`${address}/x`, { method: 'HEAD' });
  expect(head.headers.get('etag')).toBe(whole.headers.get('etag'));
  expect(head.headers.get('content-length')).toBe(String((await whole.arrayBuffer()).byteLength));
  expect((await fetch(`${address}/e`, { method: 'HEAD', signal: AbortSignal.timeout(5_000) })).status).toBe(200);
});

test('a handler that throws answers 500 and the server lives', async () => {
  const { address } = await serve([{ method: 'GET', path: '/x', handle: () => Promise.reject(new Error('bug')) }]);
  expect((await fetch(`${address}/x`)).status).toBe(500);
  expect((await fetch(`${address}/x`)).status).toBe(500);
});

test('listens on a unix socket', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'http-')), 's.sock');
  await serve([{ method: 'GET', path: '/x', handle: () => ({ json: 1 }) }], `unix:${path}`);
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

test('events reach the reader', async () => {
  const route: Route = { method: 'GET', path: '/e', handle: () => ({ events: (send) => send('hello', { a: 1 }) }) };
  const { address } = await serve([route]);
  const response = await fetch(`${address}/e`);
  const chunk = await response.body?.getReader().read();
  expect(new TextDecoder().decode(chunk?.value)).toBe('event: hello\ndata: {"a":1}\n\n');
});

test('a stream of events that has nothing to say says so', async () => {
  const route: Route = { method: 'GET', path: '/e', handle: () => ({ events: () => {} }) };
  const server = await serveHttp('127.0.0.1:0', [route], silentLog, undefined, { ...HTTP_LIMITS, beatMs: 20 });
  open.push(server);
  const reader = (await fetch(`${server.address}/e`)).body?.getReader();
  for (let beats = 0; beats < 2; beats += 1)
    expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^(: beat\n\n)+$/);
  await reader?.cancel();
});

const GET = 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n';
const portOf = ({ address }: HttpServer) => Number(new URL(address).port);

test('a reader that asks for a thousand things at once is cut off, and no more than a few are made', async () => {
  let made = 0;
  const handle = () => {
    made += 1;
    return { json: made };
  };
  const server = await serve([{ method: 'GET', path: '/x', handle }]);
  const socket = connect(portOf(server), '127.0.0.1').resume();
  socket.write(GET.repeat(1_000));
  await once(socket, 'close');
  expect(made).toBeLessThanOrEqual(HTTP_LIMITS.waitingMax);
  expect(await (await fetch(`${server.address}/x`)).json()).toBe(made);
});

test('a few things asked at once are answered in their order, over and over', async () => {
  let made = 0;
  const handle = () => {
    made += 1;
    return { text: `(${made})`, contentType: 'text/plain' };
  };
  const socket = connect(portOf(await serve([{ method: 'GET', path: '/x', handle }])), '127.0.0.1').setEncoding('utf8');
  let read = '';
  socket.on('data', (text: string) => {
    read += text;
  });
  const numbers = () => [...read.matchAll(/\((\d+)\)/g)].map(([, number]) => Number(number));
  for (const asked of [4, 8, 12]) {
    socket.write(GET.repeat(4));
    await expect.poll(() => numbers().length).toBe(asked);
  }
  expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  socket.destroy();
});

test('a request whose head comes byte by byte is given up', async () => {
  const server = await serveHttp('127.0.0.1:0', [], silentLog, undefined, { ...HTTP_LIMITS, headersMs: 100 });
  open.push(server);
  const socket = connect(portOf(server), '127.0.0.1').setEncoding('utf8');
  socket.write('GET /x HTTP/1.1\r\nHost: ');
  const drip = setInterval(() => socket.write('x'), 20);
  let read = '';
  socket.on('data', (text: string) => {
    read += text;
  });
  socket.on('error', () => {});
  await once(socket, 'close');
  clearInterval(drip);
  expect(read).toMatch(/^HTTP\/1\.1 408 /);
});

test('an answer that nobody reads is given up, and one that is read slowly is not', async () => {
  const text = 'a'.repeat(32 * 1024 * 1024);
  const routes: Route[] = [{ method: 'GET', path: '/x', handle: () => ({ text, contentType: 'text/plain' }) }];
  const server = await serveHttp('127.0.0.1:0', routes, silentLog, undefined, { ...HTTP_LIMITS, unreadMs: 200 });
  open.push(server);
  const silent = connect(portOf(server), '127.0.0.1').pause();
  silent.on('error', () => {});
  silent.write(GET);
  const slow = await fetch(`${server.address}/x`);
  let bytes = 0;
  for await (const chunk of slow.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(bytes).toBe(text.length);
  let unread = 0;
  silent.on('data', (chunk: Buffer) => {
    unread += chunk.length;
  });
  await once(silent.resume(), 'close');
  expect(unread).toBeLessThan(text.length);
});

// Routes that change something, over real sockets: what they take, and from whom.

import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HttpServer, type Route, serveHttp } from './http.ts';
import { silentLog } from './log.ts';

const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/change', local: true, handle: ({ body }) => ({ json: { body } }) },
  { method: 'DELETE', path: '/change/{name}', local: true, handle: ({ params }) => ({ json: params }) },
];
let server: HttpServer;
beforeEach(async () => {
  server = await serveHttp('127.0.0.1:0', ROUTES, silentLog);
});
afterEach(() => server.close());

interface Sent {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly socketPath?: string;
}

function send({ method = 'POST', path = '/change', headers = {}, body, socketPath }: Sent): Promise<string> {
  const { hostname, port } = new URL(server.address.startsWith('http') ? server.address : 'http://127.0.0.1:1');
  const to = socketPath === undefined ? { hostname, port } : { socketPath };
  return new Promise((resolve, reject) => {
    const sent = request({ ...to, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve(`${response.statusCode} ${text.trim()}`));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

const JSON_TYPE = { 'content-type': 'application/json' };

test('a small JSON body is taken, or none', async () => {
  expect(await send({ headers: JSON_TYPE, body: '{"a":1}' })).toBe('200 {"body":{"a":1}}');
  expect(await send({})).toBe('200 {}');
  expect(await send({ method: 'DELETE', path: '/change/east' })).toBe('200 {"name":"east"}');
});

test.each<[string, Sent, RegExp]>([
  ['what is no JSON', { headers: JSON_TYPE, body: '{' }, /^400/],
  ['what is too large', { headers: JSON_TYPE, body: `"${'x'.repeat(70_000)}"` }, /^413/],
  ['what a form of another site may send', { headers: { 'content-type': 'text/plain' }, body: '{}' }, /^415/],
  [
    'what a page of another site sends',
    { headers: { ...JSON_TYPE, origin: 'https://evil.example' }, body: '{}' },
    /^403/,
  ],
  ['a name that was made to lead here', { headers: { ...JSON_TYPE, host: 'evil.example:9880' }, body: '{}' }, /^403/],
])('%s is refused', async (_, sent, answer) => {
  expect(await send(sent)).toMatch(answer);
});

test('a unix socket is of this machine', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'http-'));
  const socketPath = join(dir, 'http.sock');
  const local = await serveHttp(`unix:${socketPath}`, ROUTES, silentLog);
  expect(await send({ socketPath, headers: JSON_TYPE, body: '1' })).toBe('200 {"body":1}');
  await local.close();
  await rm(dir, { recursive: true });
});

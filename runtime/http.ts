// A small HTTP server for what a process says about itself: routes with path parameters, JSON answers with ETag, problem+json
// for refusals, event streams. Listens on a TCP address (loopback unless told otherwise), with mutual TLS or without, or on a
// unix socket. It is not a framework.

import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { OperationalError, reasonOf } from './errors.ts';
import { foreignReason, readJsonBody } from './http-body.ts';
import { createHttpsServer, type HttpsDeps, shownCertificate } from './http-tls.ts';
import type { Log } from './log.ts';

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly accept: string;
  /** The JSON that a POST carries; unchecked. */
  readonly body?: unknown;
}

/** A JSON value, a text with its type, or a stream of server-sent events that ends with `signal`. */
export type HttpAnswer =
  | {
      readonly status?: number;
      readonly json: unknown;
      /** What the ETag is made of, where the document also holds times that change with every look. */
      readonly version?: unknown;
    }
  | { readonly status?: number; readonly text: string; readonly contentType: string }
  | { readonly problem: Problem }
  | { readonly events: (send: (event: string, value: unknown) => void, signal: AbortSignal) => void };

/** RFC 9457. */
export interface Problem {
  readonly status: number;
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  readonly [extension: string]: unknown;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** `/v1/conflicts/{fingerprint}` */
  readonly path: string;
  /** Changes something: answered to this machine's own tools only, whatever the address it listens on. */
  readonly local?: true;
  /** Says how the process is, and nothing of what it works with. */
  readonly measures?: true;
  readonly handle: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>;
}

/** Mutual TLS, and which of those that it lets in may ask for what. */
export interface HttpTls extends Omit<HttpsDeps, 'headerBytesMax'> {
  /** Why the holder of a certificate (DER) gets no answer; `route` is absent where there is none for what is asked. */
  readonly refusal: (leaf: Uint8Array, route: Route | undefined) => Problem | undefined;
}

export interface HttpServer {
  /** `http://127.0.0.1:9880`, `https://…` or `unix:/run/…`. */
  readonly address: string;
  close(): Promise<void>;
}

/** A request line and headers of a client of ours fit many times; more is an attack or an accident. */
const HEADER_BYTES_MAX = 16 * 1024;
/** Diagnostics have few readers; more open event streams than this are refused. */
const EVENT_STREAMS_MAX = 100;
/** What a reader of events may leave unread before it is cut off: it re-reads the report when it comes back. */
const EVENT_BYTES_UNREAD_MAX = 4 * 1024 * 1024;

/**
 * `listen` is `host:port`, or `unix:/path`, of which the file system says who may open it: there is no TLS on it. Rejects with
 * LISTEN_ADDRESS_TAKEN or LISTEN_FAILED.
 */
export async function serveHttp(
  listen: string,
  routes: readonly Route[],
  log: Log,
  tls?: HttpTls,
): Promise<HttpServer> {
  const table = routes.map((route) => ({ route, parts: route.path.split('/') }));
  const closing = new AbortController();
  const streams = { open: 0 };
  const guard = listen.startsWith('unix:') ? undefined : tls;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    answer({ table, streams, guard, closing: closing.signal }, request, response).catch((error) => {
      log.error('http request failed', { path: request.url, error });
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('internal error\n');
    });
  };
  const server =
    guard === undefined
      ? createServer({ maxHeaderSize: HEADER_BYTES_MAX }, handle)
      : createHttpsServer({ ...guard, headerBytesMax: HEADER_BYTES_MAX }, handle);
  const address = await bind(server, listen, guard === undefined ? 'http' : 'https');
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        closing.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bind(server: Server | HttpsServer, listen: string, scheme: 'http' | 'https'): Promise<string> {
  const path = listen.startsWith('unix:') ? listen.slice('unix:'.length) : undefined;
  // A socket file outlives a killed process; whoever is configured for this path owns it.
  if (path !== undefined) await rm(path, { force: true });
  const { host, port } = path === undefined ? hostPort(listen) : { host: '', port: 0 };
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(listen, error)));
    if (path === undefined) server.listen(port, host, resolve);
    else server.listen(path, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return listen;
  return `${scheme}://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}`;
}

/** For every kind of listener. grpc-js names the code only in its text. */
export function listenError(listen: string, error: NodeJS.ErrnoException): OperationalError {
  const common = { operation: 'listen on', subject: listen, cause: error };
  if (error.code !== 'EADDRINUSE' && !/\bEADDRINUSE\b/.test(error.message)) {
    const hint = 'configure an address and port that this machine has and this user may take';
    return new OperationalError({ ...common, code: 'LISTEN_FAILED', reason: reasonOf(error), hint });
  }
  const hint = 'end the other process (ss -ltnp shows it), or configure another address';
  return new OperationalError({
    ...common,
    code: 'LISTEN_ADDRESS_TAKEN',
    reason: 'another process has this address',
    hint,
  });
}

/** Splits `host:port` and `[v6]:port`. */
export function hostPort(listen: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(listen);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new OperationalError({
      code: 'LISTEN_ADDRESS_INVALID',
      operation: 'read listen address',
      subject: listen,
      reason: 'not of the form host:port, [ipv6]:port or unix:/path',
    });
  }
  return { host: match[1] ?? match[2] ?? '', port };
}

interface Serving {
  readonly table: readonly { readonly route: Route; readonly parts: readonly string[] }[];
  readonly streams: { open: number };
  readonly guard: HttpTls | undefined;
  readonly closing: AbortSignal;
}

async function answer(
  { table, streams, guard, closing }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const found = match(table, url.pathname);
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  const hit = found.find(({ route }) => route.method === method);
  const refusal = guard === undefined ? undefined : refusalOf(guard, request, hit?.route);
  if (refusal !== undefined) return send(request, response, { problem: refusal });
  if (hit === undefined) {
    const status = found.length > 0 ? 405 : 404;
    const title = status === 405 ? 'Method not allowed' : 'Not found';
    return send(request, response, {
      problem: { status, type: 'about:blank', title, detail: `${method} ${url.pathname}` },
    });
  }
  const { params } = hit;
  const accept = request.headers.accept ?? '';
  const foreign = hit.route.local === true ? foreignReason(request) : undefined;
  if (foreign !== undefined) return send(request, response, refused(403, 'Forbidden', foreign));
  const read = method === 'POST' ? await readJsonBody(request) : { body: undefined };
  if ('reason' in read) return send(request, response, refused(read.status, 'Bad request', read.reason));
  const { body } = read;
  const result = await hit.route.handle({ method, path: url.pathname, params, query: url.searchParams, accept, body });
  if ('events' in result) return stream(request, response, result.events, streams, closing);
  send(request, response, result);
}

/** Judged with every request: what has expired, or is not trusted any more, counts on a connection that was open before. */
function refusalOf({ refusal }: HttpTls, request: IncomingMessage, route: Route | undefined): Problem | undefined {
  const leaf = shownCertificate(request);
  if (leaf === undefined) return refused(403, 'Forbidden', 'the connection is gone').problem;
  return refusal(leaf, route);
}

const refused = (status: number, title: string, detail: string) => ({
  problem: { status, type: 'about:blank', title, detail },
});

function match(table: readonly { readonly route: Route; readonly parts: readonly string[] }[], path: string) {
  const given = path.split('/');
  const hits: { readonly route: Route; readonly params: Record<string, string> }[] = [];
  for (const { route, parts } of table) {
    if (parts.length !== given.length) continue;
    const params: Record<string, string> = {};
    const fits = parts.every((part, index) => {
      const text = given[index] ?? '';
      if (!part.startsWith('{')) return part === text;
      params[part.slice(1, -1)] = safeDecode(text);
      return text !== '';
    });
    if (fits) hits.push({ route, params });
  }
  return hits;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  result: Exclude<HttpAnswer, { events: unknown }>,
): void {
  if ('problem' in result) {
    response.writeHead(result.problem.status, { 'content-type': 'application/problem+json' });
    response.end(`${JSON.stringify(result.problem)}\n`);
    return;
  }
  const [body, contentType] =
    'json' in result ? [`${JSON.stringify(result.json)}\n`, 'application/json'] : [result.text, result.contentType];
  const status = result.status ?? 200;
  const headers: Record<string, string> = { 'content-type': contentType, 'cache-control': 'no-cache' };
  if (status === 200 && request.method === 'GET') {
    const version = 'version' in result ? JSON.stringify(result.version) : body;
    const etag = `"${createHash('sha256').update(version).digest('base64url').slice(0, 22)}"`;
    headers.etag = etag;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end();
      return;
    }
  }
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
}

function stream(
  request: IncomingMessage,
  response: ServerResponse,
  run: (send: (event: string, value: unknown) => void, signal: AbortSignal) => void,
  streams: { open: number },
  closing: AbortSignal,
): void {
  if (streams.open >= EVENT_STREAMS_MAX) {
    const detail = `${EVENT_STREAMS_MAX} event streams are open`;
    send(request, response, { problem: { status: 503, type: 'about:blank', title: 'Too many event streams', detail } });
    return;
  }
  streams.open += 1;
  const ended = new AbortController();
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.once('close', () => {
    streams.open -= 1;
    ended.abort();
  });
  closing.addEventListener('abort', () => response.end(), { once: true });
  run((event, value) => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    if (response.writableLength > EVENT_BYTES_UNREAD_MAX) response.destroy();
  }, ended.signal);
}

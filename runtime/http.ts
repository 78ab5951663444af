// A small HTTP server for what a process says about itself: routes with path parameters, JSON answers with ETag, problem+json
// for refusals, event streams. Listens on a TCP address (loopback unless told otherwise), with mutual TLS or without, or on a
// unix socket. It is not a framework.

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import { foreignReason, readJsonBody } from './http-body.ts';
import { HTTP_LIMITS, type HttpLimits, ReaderLimits, timesOf } from './http-limits.ts';
import { createHttpsServer, type HttpsDeps, shownCertificate } from './http-tls.ts';
import { clearSocketPath, hostPort, listenError } from './listen.ts';
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
export interface HttpTls extends Omit<HttpsDeps, 'headerBytesMax' | 'times'> {
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
  limits: HttpLimits = HTTP_LIMITS,
): Promise<HttpServer> {
  const table = routes.map((route) => ({ route, parts: route.path.split('/') }));
  const closing = new AbortController();
  const streams = { open: 0, beatMs: limits.beatMs };
  const guard = listen.startsWith('unix:') ? undefined : tls;
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    if (!readers.admits(request, response)) return;
    answer({ table, streams, guard, readers, closing: closing.signal }, request, response).catch((error) => {
      log.error('http request failed', { path: request.url, error });
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('internal error\n');
    });
  };
  const times = timesOf(limits);
  const server =
    guard === undefined
      ? createServer({ ...times, maxHeaderSize: HEADER_BYTES_MAX }, handle)
      : createHttpsServer({ ...guard, times, headerBytesMax: HEADER_BYTES_MAX }, handle);
  const readers = new ReaderLimits(server, limits);
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
  if (path !== undefined) await clearSocketPath(path);
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

/** Of targets, which are paths. */
const BASE = 'http://localhost';

interface Serving {
  readonly table: readonly { readonly route: Route; readonly parts: readonly string[] }[];
  readonly streams: EventStreams;
  readonly guard: HttpTls | undefined;
  readonly readers: ReaderLimits;
  readonly closing: AbortSignal;
}

async function answer(
  { table, streams, guard, readers, closing }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const target = request.url ?? '/';
  if (!URL.canParse(target, BASE)) return send(request, response, refused(400, 'Bad request', 'its target is no path'));
  const url = new URL(target, BASE);
  const found = match(table, url.pathname);
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET');
  const hit = found.find(({ route }) => route.method === method);
  const refusal = guard === undefined ? undefined : refusalOf(guard, request, hit?.route);
  if (refusal !== undefined) return send(request, response, { problem: refusal });
  if (hit === undefined) {
    const asked = `${method} ${url.pathname}`;
    if (found.length === 0) return send(request, response, refused(404, 'Not found', asked));
    response.setHeader('allow', methodsOf(found.map(({ route }) => route)));
    return send(request, response, refused(405, 'Method not allowed', asked));
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
  readers.answering(response);
  send(request, response, result);
}

/** Judged with every request: what has expired, or is not trusted any more, counts on a connection that was open before. */
function refusalOf({ refusal }: HttpTls, request: IncomingMessage, route: Route | undefined): Problem | undefined {
  const leaf = shownCertificate(request);
  if (leaf === undefined) return refused(403, 'Forbidden', 'the connection is gone').problem;
  return refusal(leaf, route);
}

/** A reader of the head alone is answered wherever one of the whole is. */
const methodsOf = (routes: readonly Route[]): string =>
  [...new Set(routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].join(', ');

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
  if (status === 200 && isRead(request)) {
    const version = 'version' in result ? JSON.stringify(result.version) : body;
    const etag = `"${createHash('sha256').update(version).digest('base64url').slice(0, 22)}"`;
    headers.etag = etag;
    if (isKnown(etag, request.headers['if-none-match'])) {
      response.writeHead(304, headers).end();
      return;
    }
  }
  headers['content-length'] = String(Buffer.byteLength(body));
  response.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body);
}

const isRead = ({ method }: IncomingMessage): boolean => method === 'GET' || method === 'HEAD';

/** `known`: If-None-Match, one tag or several; a proxy that compresses marks them as weak. */
const isKnown = (etag: string, known = ''): boolean =>
  known.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);

interface EventStreams {
  open: number;
  readonly beatMs: number;
}

function stream(
  request: IncomingMessage,
  response: ServerResponse,
  run: (send: (event: string, value: unknown) => void, signal: AbortSignal) => void,
  streams: EventStreams,
  closing: AbortSignal,
): void {
  if (streams.open >= EVENT_STREAMS_MAX) {
    const detail = `${EVENT_STREAMS_MAX} event streams are open`;
    send(request, response, { problem: { status: 503, type: 'about:blank', title: 'Too many event streams', detail } });
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  if (request.method === 'HEAD') return void response.end();
  streams.open += 1;
  const ended = new AbortController();
  // A comment, which readers of events pass by.
  const beats = setInterval(() => response.write(': beat\n\n'), streams.beatMs);
  response.once('close', () => {
    streams.open -= 1;
    clearInterval(beats);
    ended.abort();
  });
  closing.addEventListener('abort', () => response.end(), { once: true });
  run((event, value) => {
    beats.refresh();
    response.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
    if (response.writableLength > EVENT_BYTES_UNREAD_MAX) response.destroy();
  }, ended.signal);
}

// Asks a running program's HTTP API. Addresses are `http://host:port` or `unix:/path`; errors say which program was asked and
// what to do when it did not answer.

import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { OperationalError, reasonOf } from '../runtime/errors.ts';

/** A diagnosis of a large mesh fits; an endless answer does not. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const ANSWER_DEADLINE_MS = 30_000;

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** The JSON answer to `GET path`; rejects with API_UNREACHABLE, API_REFUSED or API_NOT_JSON. */
export async function getJson(server: string, path: string): Promise<unknown> {
  const { status, body } = await get(server, path);
  if (status >= 400) {
    throw new OperationalError({
      code: 'API_REFUSED',
      operation: 'ask',
      subject: `${server}${path}`,
      reason: `it answered ${status}: ${problemDetail(body)}`,
      hint:
        status === 404
          ? 'check that --server names the right program: agents and API servers answer different paths'
          : 'see its log',
    });
  }
  return parseJson(server, path, body);
}

export const get = (server: string, path: string, accept = 'application/json'): Promise<ApiAnswer> =>
  ask(server, { method: 'GET', path, accept });

/** The JSON answer to a request that changes something; rejects with the problem's own code where it has one. */
export async function changeJson(
  server: string,
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const answer = await ask(server, { method, path, accept: 'application/json', body });
  const value = parseJson(server, path, answer.body);
  if (answer.status < 400) return value;
  throw new RefusedChange(server, path, value);
}

/** A change that the program refused, with the problem that it answered (RFC 9457). */
export class RefusedChange extends OperationalError {
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(server: string, path: string, value: unknown) {
    const problem = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
    const text = (name: string) => (typeof problem[name] === 'string' ? problem[name] : undefined);
    const hint = text('hint');
    super({
      code: text('code') ?? 'API_REFUSED',
      operation: 'ask',
      subject: `${server}${path}`,
      reason: text('detail') ?? text('title') ?? 'it was refused',
      ...(hint === undefined ? {} : { hint }),
    });
    this.problem = problem;
  }
}

interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly accept: string;
  readonly body?: unknown;
}

function ask(server: string, { method, path, accept, body }: Asked): Promise<ApiAnswer> {
  const socketPath = server.startsWith('unix:') ? server.slice('unix:'.length) : undefined;
  const url = socketPath === undefined ? new URL(path, withScheme(server)) : undefined;
  const request = url?.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unreachable(server, error));
    const sent = body === undefined ? undefined : JSON.stringify(body);
    const headers = { accept, ...(sent === undefined ? {} : { 'content-type': 'application/json' }) };
    const asked =
      url === undefined ? request({ socketPath, path, method, headers }) : request(url, { method, headers });
    asked.setTimeout(ANSWER_DEADLINE_MS, () => asked.destroy(new Error(`no answer in ${ANSWER_DEADLINE_MS / 1000} s`)));
    asked.once('error', fail);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > ANSWER_BYTES_MAX) asked.destroy(new Error(`the answer exceeds ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    asked.end(sent);
  });
}

function parseJson(server: string, path: string, body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (error) {
    throw new OperationalError({
      code: 'API_NOT_JSON',
      operation: 'ask',
      subject: `${server}${path}`,
      reason: 'the answer is not JSON',
      hint: 'check that --server names a clustermesh program',
      cause: error,
    });
  }
}

const withScheme = (server: string) => (/^https?:\/\//.test(server) ? server : `http://${server}`);

function unreachable(server: string, error: unknown): OperationalError {
  return new OperationalError({
    code: 'API_UNREACHABLE',
    operation: 'ask',
    subject: server,
    reason: reasonOf(error),
    hint: 'is the program running, and is this its http.listen address? Name another one with --server or CLUSTERMESH_SERVER',
    retryable: true,
    cause: error,
  });
}

function problemDetail(body: string): string {
  try {
    const problem: unknown = JSON.parse(body);
    if (typeof problem === 'object' && problem !== null && 'detail' in problem) return String(problem.detail);
  } catch {
    // Not problem+json: the text itself is the best there is.
  }
  return body.trim().slice(0, 200);
}

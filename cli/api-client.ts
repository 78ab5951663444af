// Asks a running program's HTTP API for JSON. Errors say which program was asked and what to do when it did not answer, or refused.

import { OperationalError } from '../runtime/errors.ts';
import { type ApiPlace, type ApiQuestion, sendRequest } from './api-request.ts';

/** A diagnosis of a large mesh fits; an endless answer does not. */
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;
const ANSWER_DEADLINE_MS = 30_000;

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** The JSON answer to `GET path`; rejects with API_UNREACHABLE, API_REFUSED or API_NOT_JSON. */
export async function getJson(place: ApiPlace, path: string): Promise<unknown> {
  const { server } = place;
  const { status, body } = await get(place, path);
  if (status >= 400) {
    throw new OperationalError({
      code: 'API_REFUSED',
      operation: 'ask',
      subject: `${server}${path}`,
      reason: `it answered ${status}: ${problemDetail(body)}`,
      hint: hintIn(body) ?? (status === 404 ? WRONG_PROGRAM : 'see its log'),
    });
  }
  return parseJson(server, path, body);
}

/**
 * The document that `GET path` answers with. `field`: one that only the program which is meant has in it, where others answer the same
 * path too. Rejects as getJson does, and with API_OTHER_DOCUMENT when something else answers.
 */
export async function getDocument<T extends object>(
  place: ApiPlace,
  path: string,
  field: keyof T & string,
): Promise<T> {
  const value = await getJson(place, path);
  if (typeof value === 'object' && value !== null && field in value) return value as T;
  throw new OperationalError({
    code: 'API_OTHER_DOCUMENT',
    operation: 'ask',
    subject: `${place.server}${path}`,
    reason: `its answer has no "${field}"`,
    hint: 'check that --server names an API server of clustermesh, and --agent an agent',
  });
}

const WRONG_PROGRAM = 'check that --server names the right program: agents and API servers answer different paths';

export const get = (place: ApiPlace, path: string, accept = 'application/json'): Promise<ApiAnswer> =>
  ask(place, { method: 'GET', path, accept });

/** The JSON answer to a request that changes something; rejects with the problem's own code where it has one. */
export async function changeJson(
  place: ApiPlace,
  method: 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<unknown> {
  const { server } = place;
  const answer = await ask(place, { method, path, accept: 'application/json', body });
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

async function ask(place: ApiPlace, question: ApiQuestion): Promise<ApiAnswer> {
  const { response, failure } = await sendRequest(place, question);
  response.setTimeout(ANSWER_DEADLINE_MS, () =>
    response.destroy(new Error(`no more in ${ANSWER_DEADLINE_MS / 1000} s`)),
  );
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > ANSWER_BYTES_MAX) throw new Error(`the answer exceeds ${ANSWER_BYTES_MAX} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    throw failure(error);
  }
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') };
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

const problemDetail = (body: string): string => textIn(body, 'detail') ?? body.trim().slice(0, 200);
const hintIn = (body: string): string | undefined => textIn(body, 'hint');

/** Of a problem (RFC 9457); another text has none. */
function textIn(body: string, name: string): string | undefined {
  try {
    const problem: unknown = JSON.parse(body);
    const text =
      typeof problem === 'object' && problem !== null ? (problem as Record<string, unknown>)[name] : undefined;
    return text === undefined ? undefined : String(text);
  } catch {
    return undefined;
  }
}

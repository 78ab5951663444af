// Sends one request to a program's HTTP API, `http://host:port`, `https://host:port` or `unix:/path`, and waits for the head of its
// answer. Over https:// it is mutual TLS, with the credentials of one folder: there is no request to a server that is not known.

import { type ClientRequest, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { type ApiCredentials, readApiCredentials } from './api-credentials.ts';
import { type FailedRequest, requestFailure } from './api-failure.ts';

/** Where to ask, as the options of commands say it. */
export interface ApiPlace {
  readonly server: string;
  /** The folder of credentials for https://. */
  readonly pki?: string | undefined;
}

export interface ApiQuestion {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly accept: string;
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface OpenAnswer {
  readonly response: IncomingMessage;
  /** What an error of the answer's body means. */
  readonly failure: (error: unknown) => OperationalError;
}

/** How long nothing may be heard before the head of the answer. */
const ANSWER_DEADLINE_MS = 30_000;

/** Rejects with API_UNREACHABLE, API_CREDENTIALS, or what TLS has against either side. */
export async function sendRequest(
  { server, pki }: ApiPlace,
  { method, path, accept, body }: ApiQuestion,
  signal?: AbortSignal,
): Promise<OpenAnswer> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const headers = { accept, ...(sent === undefined ? {} : { 'content-type': 'application/json' }) };
  const options = { method, headers, ...(signal === undefined ? {} : { signal }) };
  const credentials = isTls(server) ? await credentialsFor(server, pki) : undefined;
  const shaken = { yet: false };
  const failure = (error: unknown): OperationalError =>
    requestFailure({ server, error, ...tlsOf(credentials, pki, shaken.yet) });
  const asked = begin(server, path, options, credentials);
  // Only where the connection is this request's alone: on one that is kept, such listeners would gather.
  if (credentials !== undefined) {
    asked.once('socket', (socket) => socket.once('secureConnect', () => (shaken.yet = true)));
  }
  const silent = () => asked.destroy(new Error(`no answer in ${ANSWER_DEADLINE_MS / 1000} s`));
  const deadline = setTimeout(silent, ANSWER_DEADLINE_MS);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      asked.once('response', resolve).on('error', reject).end(sent);
    });
    return { response, failure };
  } catch (error) {
    throw failure(error);
  } finally {
    clearTimeout(deadline);
  }
}

function begin(
  server: string,
  path: string,
  options: RequestOptions,
  credentials: ApiCredentials | undefined,
): ClientRequest {
  if (server.startsWith('unix:')) {
    return httpRequest({ ...options, socketPath: server.slice('unix:'.length), path });
  }
  if (credentials === undefined) return httpRequest(new URL(path, withScheme(server)), options);
  // A connection of its own: one that was kept could be of certificates that have been replaced since.
  return httpsRequest(new URL(path, server), { ...options, ...credentials, agent: false, minVersion: 'TLSv1.3' });
}

const isTls = (server: string): boolean => server.startsWith('https://');
const withScheme = (server: string) => (server.startsWith('http://') ? server : `http://${server}`);

async function credentialsFor(server: string, pki: string | undefined): Promise<ApiCredentials> {
  if (pki !== undefined) return readApiCredentials(pki, systemClock.now());
  throw new OperationalError({
    code: 'API_CREDENTIALS',
    operation: 'ask',
    subject: server,
    reason: 'it asks for a certificate, and there is none to show',
    hint: 'name a folder of pki init with --pki or CLUSTERMESH_PKI: its ca/ca.pem and admin/ are used',
  });
}

const tlsOf = (credentials: ApiCredentials | undefined, folder = '', shaken: boolean): Pick<FailedRequest, 'tls'> =>
  credentials === undefined ? {} : { tls: { servername: credentials.servername, folder, shaken } };

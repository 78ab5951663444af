// Reads what a process says about itself over the unix socket it listens on: sockets in the file system are not hidden by
// network namespaces.

import { request } from 'node:http';
import { OperationalError } from '../runtime/errors.ts';

/** A process that is busy answers within this; one that is frozen does not. */
const TIMEOUT_MS = 3_000;

interface HttpReply {
  readonly status: number;
  readonly body: string;
}

export function getOver(socketPath: string, path: string): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, timeout: TIMEOUT_MS, headers: { connection: 'close' } }, (reply) => {
      let body = '';
      reply.setEncoding('utf8');
      reply.on('data', (text: string) => {
        body += text;
      });
      reply.on('end', () => resolve({ status: reply.statusCode ?? 0, body }));
      reply.on('error', (cause) => reject(failed(socketPath, path, cause.message, cause)));
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    sent.on('error', (cause) => reject(failed(socketPath, path, cause.message, cause)));
    sent.end();
  });
}

/** The JSON of a 200, as the caller knows it. */
export async function getJsonOver<T>(socketPath: string, path: string): Promise<T> {
  const { status, body } = await getOver(socketPath, path);
  if (status !== 200) throw failed(socketPath, path, `answered ${status}: ${body.slice(0, 200)}`);
  return JSON.parse(body) as T;
}

export const answersOk = async (socketPath: string, path: string): Promise<boolean> =>
  (await getOver(socketPath, path)).status === 200;

function failed(socketPath: string, path: string, reason: string, cause?: unknown): OperationalError {
  return new OperationalError({
    code: 'LAB_HTTP',
    operation: 'read',
    subject: `${socketPath} ${path}`,
    reason,
    retryable: true,
    cause,
  });
}

// Addresses that a program listens on: how they are written, who may take a unix socket's path, and what to do when one cannot be had.

import { lstat, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { OperationalError, reasonOf } from './errors.ts';

/** For every kind of listener. grpc-js names the code only in its text. */
export function listenError(listen: string, error: NodeJS.ErrnoException): OperationalError {
  const common = { operation: 'listen on', subject: listen, cause: error };
  if (error.code !== 'EADDRINUSE' && !/\bEADDRINUSE\b/.test(error.message)) {
    const hint = 'configure an address and port that this machine has and this user may take';
    return new OperationalError({ ...common, code: 'LISTEN_FAILED', reason: reasonOf(error), hint });
  }
  const shown = listen.startsWith('unix:') ? 'ss -lxp' : 'ss -ltnp';
  const hint = `end the other process (${shown} shows it), or configure another address`;
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

/**
 * Removes the file of a socket that nobody listens on any more, as a killed process leaves it. What else is at `path` stays as it
 * is: rejects with LISTEN_ADDRESS_TAKEN where a program answers there, and with LISTEN_FAILED where the file is no socket.
 */
export async function clearSocketPath(path: string): Promise<void> {
  const file = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw socketError(path, error);
  });
  if (file === undefined) return;
  if (!file.isSocket()) throw socketError(path, new Error('the file there is no socket, and is not removed'));
  if (await isListenedOn(path)) throw socketError(path, Object.assign(new Error('in use'), { code: 'EADDRINUSE' }));
  await rm(path, { force: true });
}

const socketError = (path: string, error: NodeJS.ErrnoException) => listenError(`unix:${path}`, error);

const isListenedOn = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    // Only a refusal says that nobody is there: who may not ask, or is one too many, has met a listener.
    socket.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });

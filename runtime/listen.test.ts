// Whose a socket's path is, and how a taken address is told.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { clearSocketPath, listenError } from './listen.ts';

const folder = () => mkdtemp(join(tmpdir(), 'listen-'));
const listenOn = async (path: string) => {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  onTestFinished(() => void server.close());
};

test('the socket of a killed process makes room, and so does no file at all', async () => {
  const dir = await folder();
  const [path, script] = [join(dir, 's.sock'), join(dir, 'listens.cjs')];
  await writeFile(
    script,
    `require('node:net').createServer().listen(process.argv[2], () => process.send('listening'))`,
  );
  const killed = fork(script, [path]);
  await once(killed, 'message');
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  await expect(listenOn(path)).rejects.toThrow(/EADDRINUSE/);
  await clearSocketPath(path);
  await listenOn(path);
  await clearSocketPath(join(dir, 'none.sock'));
});

test('the socket of a program that runs stays its own', async () => {
  const path = join(await folder(), 's.sock');
  await listenOn(path);
  await expect(clearSocketPath(path)).rejects.toMatchObject({ code: 'LISTEN_ADDRESS_TAKEN', subject: `unix:${path}` });
  await expect(clearSocketPath(path)).rejects.toMatchObject({ code: 'LISTEN_ADDRESS_TAKEN' });
});

test('a file that is no socket is not removed', async () => {
  const path = join(await folder(), 'apiserver.yaml');
  await writeFile(path, 'cluster: {}');
  await expect(clearSocketPath(path)).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  expect(await readFile(path, 'utf8')).toBe('cluster: {}');
});

test('a taken port is known by its text alone, as grpc-js tells it; what else fails is another error', () => {
  const taken = new Error(
    'No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use]',
  );
  expect(listenError('0.0.0.0:1', taken)).toMatchObject({ code: 'LISTEN_ADDRESS_TAKEN', subject: '0.0.0.0:1' });
  expect(listenError('0.0.0.0:1', new Error('listen EACCES')).code).toBe('LISTEN_FAILED');
});

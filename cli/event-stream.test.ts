import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { streamEvents } from './event-stream.ts';

const SILENCE_MS = 100;

const servers: { close(): void; closeAllConnections(): void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A program whose stream of events is written by `write`, and nothing else is ever heard of it. */
async function following(write: (response: ServerResponse) => void) {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    write(response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const place = { server: `http://127.0.0.1:${port}` };
  return streamEvents(place, '/v1/traffic/events', new AbortController().signal, SILENCE_MS);
}

test('a program that has beaten and then stands still is told, not waited for', async () => {
  const events = await following((response) => response.write('event: hello\ndata: 1\n\n: beat\n\n'));
  expect(await events.next()).toEqual({ done: false, value: { event: 'hello', value: 1 } });
  await expect(events.next()).rejects.toMatchObject({
    code: 'API_UNREACHABLE',
    reason: expect.stringContaining('nothing was heard for 0.1 s'),
  });
});

test('one of a former version, which does not beat, is waited for', async () => {
  const events = await following((response) => {
    setTimeout(() => response.end('event: late\ndata: 2\n\n'), 3 * SILENCE_MS);
  });
  expect(await events.next()).toEqual({ done: false, value: { event: 'late', value: 2 } });
  expect((await events.next()).done).toBe(true);
});

import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePort } from './free-port.ts';

test('a port that is given is not given again soon, nor is one that somebody listens on', async () => {
  const first = await freePort();
  const taken = createServer().listen(first + 1, '127.0.0.1');
  await once(taken, 'listening');
  const more = [await freePort(), await freePort(), await freePort()];
  taken.close();
  expect(new Set([first, first + 1, ...more]).size).toBe(5);
  for (const port of [first, ...more]) {
    expect(port).toBeLessThan(32_768);
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
  }
});

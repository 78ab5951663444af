import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../runtime/package-root.ts';
import { CONNECTED_SOCKETS } from './sizes.ts';

test('a connected socket has the same place for the programs and for the agent', () => {
  const header = readFileSync(join(packageRoot(), 'bpf/include/connected.h'), 'utf8');
  expect(Number(/#define CONNECTED_SOCKETS (\d+)/.exec(header)?.[1])).toBe(CONNECTED_SOCKETS);
  expect(Math.log2(CONNECTED_SOCKETS) % 1).toBe(0);
});

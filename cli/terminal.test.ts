// What becomes of a command whose output is read no more.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { whenUnread } from './terminal.ts';

test('a reader that has seen enough ends the command, and is no error', async () => {
  const reader = spawn('head', ['-c', '1'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const unread = new Promise<void>((resolve) => whenUnread(reader.stdin, resolve));
  const text = 'x'.repeat(1024 * 1024);
  reader.stdin.write(text);
  await once(reader, 'exit');
  reader.stdin.write(text);
  await unread;
});

test('what cannot be written for another reason is not passed over', () => {
  const full = new Writable();
  whenUnread(full, () => {});
  expect(() => full.emit('error', Object.assign(new Error('no space'), { code: 'ENOSPC' }))).toThrow('no space');
});

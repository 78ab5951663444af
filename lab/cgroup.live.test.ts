// Needs root and cgroup2.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cgroup2Mount, createCgroup, endCgroup, killCgroup } from './cgroup.ts';

test('a process that comes in after the others were ended does not keep a cgroup', async () => {
  const cgroup = join(cgroup2Mount() ?? '', `cmlab-late-${process.pid}`, 'node');
  createCgroup(cgroup);
  killCgroup(cgroup);
  const late = spawn('sleep', ['600'], { stdio: 'ignore' });
  const exited = once(late, 'exit');
  writeFileSync(join(cgroup, 'cgroup.procs'), String(late.pid));
  await endCgroup(join(cgroup, '..'));
  expect(existsSync(cgroup)).toBe(false);
  expect(await exited).toEqual([null, 'SIGKILL']);
});

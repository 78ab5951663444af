// Cgroups of the lab, below the cgroup2 mount that this machine has. Only folders that the lab made are ever attached to,
// ended or removed.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where cgroup2 is mounted (`/sys/fs/cgroup`, or `…/unified` beside version 1); undefined when it is not. */
export function cgroup2Mount(mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): string | undefined {
  for (const line of mountinfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    if (after.split(' ')[0] === 'cgroup2') return before.split(' ')[4];
  }
  return undefined;
}

export function createCgroup(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** SIGKILL to everything in it and below, at once. */
export function killCgroup(path: string): void {
  if (!existsSync(path)) return;
  const everything = join(path, 'cgroup.kill');
  if (existsSync(everything)) {
    writeFileSync(everything, '1');
    return;
  }
  // Kernels before 5.14.
  for (const folder of [...below(path), path]) {
    for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
      try {
        process.kill(Number(pid), 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
  }
}

/** The kernel takes a moment to let go of processes that were killed. */
const EMPTY_WITHIN_MS = 5_000;

/** Ends everything in it and below, and removes it; also a process that was on its way in when the others were ended. */
export const endCgroup = (path: string): Promise<void> => removeCgroup(path, () => killCgroup(path));

/** Removes it and what is below; programs attached to it are detached by that. Absent is fine. */
export async function removeCgroup(path: string, whileBusy: () => void = () => {}): Promise<void> {
  const deadline = performance.now() + EMPTY_WITHIN_MS;
  while (existsSync(path)) {
    try {
      for (const folder of below(path)) rmdirSync(folder);
      rmdirSync(path);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      whileBusy();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Deepest first. */
function below(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name))
    .flatMap((folder) => [...below(folder), folder]);
}

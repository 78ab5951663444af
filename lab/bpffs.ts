// A bpffs of the lab's own: what is pinned in it is gone when it is unmounted, and nobody else's pins are touched.

import { mkdirSync, readFileSync } from 'node:fs';
import { runCommand } from './command.ts';

export async function mountBpffs(path: string): Promise<void> {
  mkdirSync(path, { recursive: true });
  await runCommand('mount', ['-t', 'bpf', 'clustermesh-lab', path]);
}

/** Absent is fine. */
export async function unmountBpffs(path: string): Promise<void> {
  if (isMounted(path)) await runCommand('umount', [path]);
}

export function isMounted(path: string, mountinfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): boolean {
  return mountinfo.split('\n').some((line) => unescapeMount(line.split(' ')[4] ?? '') === path);
}

/** The kernel writes spaces and the like as `\040`. */
const unescapeMount = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

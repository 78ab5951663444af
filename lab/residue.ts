// Removes what a lab made: at its end, or at the next start when it crashed. A lab whose owner still runs is left alone; what
// does not carry the lab's prefix is never touched, whatever a record says.

import { rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { reasonOf } from '../runtime/errors.ts';
import { isMounted, unmountBpffs } from './bpffs.ts';
import { endCgroup, killCgroup } from './cgroup.ts';
import { deleteNetns } from './netns.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { LAB_PREFIX, type LabRecord, readLabs } from './state.ts';

export interface Residue {
  readonly dir: string;
  /** What was removed, one line each. */
  readonly removed: readonly string[];
  /** What could not be removed, with the reason. */
  readonly left: readonly string[];
}

/** As whoever found it says it, a line each. */
export const residueText = ({ dir, removed, left }: Residue): readonly string[] => [
  `Removed what a crashed run left (${dir}): ${removed.length} things.`,
  ...left.map((what) => `  could not be removed: ${what}`),
];

/** Removes what crashed labs left in `folder`. */
export async function removeResidue(folder: string): Promise<readonly Residue[]> {
  const outcomes: Residue[] = [];
  for (const { dir, record } of readLabs(folder)) {
    if (record === undefined) {
      // No record: nothing outside the folder was made yet, or a lab is just being opened.
      continue;
    }
    if (isAlive(record.owner)) continue;
    outcomes.push(await removeLab(dir, record));
  }
  return outcomes;
}

/** Processes first, since they hold everything else. */
export async function removeLab(dir: string, record: LabRecord): Promise<Residue> {
  const removed: string[] = [];
  const left: string[] = [];
  const attempt = async (what: string, remove: () => void | Promise<void>) => {
    try {
      await remove();
      removed.push(what);
    } catch (error) {
      left.push(`${what}: ${reasonOf(error)}`);
    }
  };
  const cgroups = record.cgroups.filter((path) => isOurs(basename(path)));
  const mounts = record.mounts.filter((path) => path.startsWith(`${dir}/`));

  for (const path of cgroups) await attempt(`processes in ${path}`, () => killCgroup(path));
  for (const identity of record.processes.filter(isAlive)) {
    await attempt(`process ${identity.pid}`, () => void process.kill(identity.pid, 'SIGKILL'));
  }
  await untilEnded(record.processes).catch((error) => left.push(reasonOf(error)));
  for (const path of mounts) await attempt(`mount ${path}`, () => unmountBpffs(path));
  for (const path of cgroups) await attempt(`cgroup ${path}`, () => endCgroup(path));
  for (const name of record.netns.filter(isOurs)) await attempt(`network namespace ${name}`, () => deleteNetns(name));
  // The folder last, and only when nothing is left: it holds the record by which the next run tries again.
  if (left.length === 0 && !mounts.some((path) => isMounted(path)) && dirname(dir) !== '/') {
    await attempt(`folder ${dir}`, () => rm(dir, { recursive: true, force: true, maxRetries: 10 }));
  }
  return { dir, removed, left };
}

/** A killed process ends at once, unless the kernel is busy for it. */
const ENDED_WITHIN_MS = 5_000;

async function untilEnded(processes: readonly ProcessIdentity[]): Promise<void> {
  const deadline = performance.now() + ENDED_WITHIN_MS;
  for (;;) {
    const alive = processes.filter(isAlive);
    if (alive.length === 0) return;
    if (performance.now() > deadline) throw new Error(`pids ${alive.map(({ pid }) => pid).join(', ')} do not end`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const isOurs = (name: string): boolean => name.startsWith(LAB_PREFIX);

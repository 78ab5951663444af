// Which process a number means: pids are used again, a pid with its start time is not.

import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** In clock ticks since boot, as /proc says. */
  readonly startTime: string;
}

/** `undefined` when there is no such process, or it has ended and only waits to be collected. */
export function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    return identityIn(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** `stat`: the text of /proc/<pid>/stat. */
export function identityIn(pid: number, stat: string): ProcessIdentity | undefined {
  // The name of the command, in parentheses, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, threads, startTime] = [fields[0], fields[17], fields[19]];
  // Its first thread may be dead before the others, which still hold files, and with them mounts.
  const hasEnded = state === 'Z' && Number(threads) <= 1;
  return startTime === undefined || hasEnded ? undefined : { pid, startTime };
}

export const isAlive = (identity: ProcessIdentity): boolean =>
  identityOf(identity.pid)?.startTime === identity.startTime;

// Whether a renewer looks after a cluster's folder on this machine. Whoever renews holds a shared lock on the folder of the authority
// while it runs, which the kernel ends with the process; whoever asks sees whether the lock could be had alone. It says nothing of
// renewers elsewhere, nor of a timer that renews now and then.

import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { lockAlone, lockShared } from '../../runtime/file-lock.ts';
import { clusterLayout } from '../layout.ts';

/** Somebody asks at this moment: that is over at once. */
const ASKED_MS = 20;
const ATTEMPTS_MAX = 50;

export async function whileRenewing(dir: string, clock: Clock, task: () => Promise<void>): Promise<void> {
  const folder = await openAuthority(dir);
  try {
    for (let left = ATTEMPTS_MAX; folder !== undefined && left > 0 && !lockShared(folder.fd); left -= 1) {
      await sleep(clock, ASKED_MS);
    }
    await task();
  } finally {
    await folder?.close();
  }
}

/** Undefined where it cannot be known: the authority is kept elsewhere, or this user may not look. */
export async function isRenewed(dir: string): Promise<boolean | undefined> {
  if ((await stat(clusterLayout(dir).authority.key).catch(() => undefined)) === undefined) return undefined;
  const folder = await openAuthority(dir);
  if (folder === undefined) return undefined;
  try {
    return !lockAlone(folder.fd);
  } finally {
    await folder.close();
  }
}

const openAuthority = (dir: string) => open(dirname(clusterLayout(dir).authority.key), 'r').catch(() => undefined);

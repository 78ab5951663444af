// One writer at a time in a cluster's folder: `pki init` and renewals may run at the same moment, and a certificate of one beside
// the key of the other serves nobody. The lock is on the folder itself. Readers need none, as files
// are replaced whole.

import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, sleep, systemClock } from '../runtime/clock.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { lockAlone } from '../runtime/file-lock.ts';
import { removeLeftOvers } from './files.ts';

/** What init writes for a thousand nodes takes a few seconds. */
const WAIT_MS_MAX = 15_000;
const LOOK_AGAIN_MS = 50;

/** Rejects with PKI_BUSY where another program writes for too long. Makes the folder where it is not there. */
export async function withFolderLock<T>(dir: string, task: () => Promise<T>, clock: Clock = systemClock): Promise<T> {
  const folder = await opened(dir);
  // Clocks keep no process alive, and a command that waits has nothing else that does.
  const alive = setInterval(() => {}, WAIT_MS_MAX);
  try {
    const deadline = clock.monotonic() + WAIT_MS_MAX;
    // What says no is most likely another writer; a file system without such locks says no for ever.
    while (!lockAlone(folder.fd)) {
      if (clock.monotonic() >= deadline) throw busy(dir);
      await sleep(clock, LOOK_AGAIN_MS);
    }
    // Whoever held it before may have been killed, with the key of an authority half in place.
    await removeLeftOvers(join(dir, 'ca'));
    return await task();
  } finally {
    clearInterval(alive);
    await folder.close();
  }
}

async function opened(dir: string) {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    return await open(dir, 'r');
  } catch (cause) {
    throw new OperationalError({
      code: 'PKI_FILE',
      operation: 'open credentials',
      subject: dir,
      reason: reasonOf(cause),
      hint: 'check that the folder belongs to this user',
      cause,
    });
  }
}

const busy = (dir: string): OperationalError =>
  new OperationalError({
    code: 'PKI_BUSY',
    operation: 'write credentials',
    subject: dir,
    reason: `another program has been writing in this folder for ${WAIT_MS_MAX / 1000} s`,
    hint: 'let only one program write these files, and run this again when it has ended',
    retryable: true,
  });

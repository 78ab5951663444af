// The kernel's lock on a folder (flock): it leaves no file, ends with the process that holds it however that ends, and holds between
// containers that share a volume. What it guards is for whoever takes it to say.

import koffi from 'koffi';

/** From sys/file.h: shared or exclusive, and an answer at once. */
const LOCK_SH_NB = 1 | 4;
const LOCK_EX_NB = 2 | 4;

const flock: (descriptor: number, operation: number) => number = koffi
  .load(null)
  .func('int flock(int descriptor, int operation)');

/** Whether the lock was had; it is let go when the descriptor is closed. */
export const lockAlone = (descriptor: number): boolean => flock(descriptor, LOCK_EX_NB) === 0;
export const lockShared = (descriptor: number): boolean => flock(descriptor, LOCK_SH_NB) === 0;

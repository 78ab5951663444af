// Lets this process, and what it starts from now on, run before everything else on the machine: on one that is shared, so that what
// is measured is the mesh and not the neighbours. Needs root.

import koffi from 'koffi';

const SCHED_RR = 2;
const PRIORITY_MIN = 1;

/** False where the kernel does not allow it. */
export function goRealtime(): boolean {
  const libc = koffi.load('libc.so.6');
  const schedule: (pid: number, policy: number, priority: Int32Array) => number = libc.func(
    'int sched_setscheduler(int, int, const int32_t *)',
  );
  // Of the thread that calls, which is the one that starts processes.
  return schedule(0, SCHED_RR, Int32Array.of(PRIORITY_MIN)) === 0;
}

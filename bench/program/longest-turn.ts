// For how long an event loop was kept from the next thing while some work was done: in processor time of the thread that runs it,
// because neighbours on the machine lengthen every other measure, and by the clock, as a peer of the process would see it.

import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LongestTurn {
  /** Milliseconds of the thread's processor time. */
  readonly cpu: number;
  /** Milliseconds by which a timer was late. */
  readonly wall: number;
}

const RESOLUTION_MS = 1;
/** The main thread's: nanoseconds on a processor, nanoseconds waiting for one, times scheduled. */
const SCHEDULE = `/proc/self/task/${process.pid}/schedstat`;

const threadCpuMs = (): number => Number(readFileSync(SCHEDULE, 'latin1').split(' ')[0]) / 1e6;

export async function longestTurn(work: () => Promise<unknown>): Promise<LongestTurn> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let last = threadCpuMs();
  let longest = 0;
  let turn: NodeJS.Immediate;
  const look = () => {
    const now = threadCpuMs();
    longest = Math.max(longest, now - last);
    last = now;
    turn = setImmediate(look);
  };
  turn = setImmediate(look);
  delay.enable();
  await work();
  delay.disable();
  clearImmediate(turn);
  return { cpu: longest, wall: Math.max(0, delay.max / 1e6 - RESOLUTION_MS) };
}

// What a process has used so far, from /proc: CPU time, bytes that it has read and written, memory.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveSample, LoopSample } from './loop-probe.ts';

export interface Usage {
  readonly cpuMs: number;
  /** Through system calls, sockets among them. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly rssBytes: number;
}

export function usageOf(pid: number): Usage {
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: cpuMsOf(pid),
    readBytes: numberAfter(io, 'rchar:'),
    writtenBytes: numberAfter(io, 'wchar:'),
    rssBytes: numberAfter(status, 'VmRSS:') * 1_024,
  };
}

/** Linux tells CPU time in these whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** To the nanosecond where the scheduler counts, which is nearly everywhere, and else to 10 ms: a change costs less than that. */
function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const nanoseconds = threads.reduce((sum, thread) => sum + runNanoseconds(pid, thread), 0);
  if (nanoseconds > 0) return nanoseconds / 1e6;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

function runNanoseconds(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    // It has ended since; hardly any thread of these programs does.
    return 0;
  }
}

export function usedSince(before: Usage, after: Usage): Usage {
  return {
    cpuMs: after.cpuMs - before.cpuMs,
    readBytes: after.readBytes - before.readBytes,
    writtenBytes: after.writtenBytes - before.writtenBytes,
    rssBytes: after.rssBytes - before.rssBytes,
  };
}

const numberAfter = (text: string, name: string): number =>
  Number(new RegExp(`^${name}\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);

/** What the probe has said on SIGUSR2; absent until it has. */
export function liveOf(dir: string, pid: number): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(dir, `live-${pid}.json`), 'utf8')) as LiveSample).bytes;
  } catch {
    return undefined;
  }
}

/** Of a process that the probe is in; absent before its first second is over. */
export function loopOf(dir: string, pid: number): LoopSample | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, `loop-${pid}.json`), 'utf8')) as LoopSample;
  } catch {
    return undefined;
  }
}

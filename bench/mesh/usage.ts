// What a process has used so far, from /proc: CPU time, bytes that it has read and written, memory.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoopSample } from './loop-probe.ts';

export interface Usage {
  readonly cpuMs: number;
  /** Through system calls, sockets among them. */
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly rssBytes: number;
}

/** Linux tells CPU time in these whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name, in parentheses, may have anything in it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const io = readFileSync(`/proc/${pid}/io`, 'utf8');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuMs: (ticks * 1_000) / TICKS_PER_SECOND,
    readBytes: numberAfter(io, 'rchar:'),
    writtenBytes: numberAfter(io, 'wchar:'),
    rssBytes: numberAfter(status, 'VmRSS:') * 1_024,
  };
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

/** Of a process that the probe is in; absent before its first second is over. */
export function loopOf(dir: string, pid: number): LoopSample | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, `loop-${pid}.json`), 'utf8')) as LoopSample;
  } catch {
    return undefined;
  }
}

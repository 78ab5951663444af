// Loaded into the programs that are measured, ahead of them (`--import`): writes once a second how long their event loop was kept
// from the next thing, and how much memory they have (and on SIGUSR2, how much of it they need), to a file of their own in LOOP_PROBE_DIR. With LOOP_PROBE_PROFILE it also
// records where their CPU goes, and writes that at their end. The programs know nothing of it.

import { openSync, readSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Lateness, LoopLateness, type Moment } from './lateness.ts';

/** Since the measurement began. */
export interface LoopSample extends Lateness {
  /** The most in the second before this was written. */
  readonly lateMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

export interface LiveSample {
  readonly bytes: number;
}

const dir = process.env.LOOP_PROBE_DIR;
const RESOLUTION_MS = 5;
const EVERY_MS = 1_000;

if (dir !== undefined) {
  const waited = waitForProcessor();
  const now = (): Moment => ({ atMs: performance.now(), waitedMs: waited() });
  const lateness = new LoopLateness(RESOLUTION_MS, now());
  setInterval(() => lateness.came(now()), RESOLUTION_MS).unref();
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    const sample: LoopSample = { ...lateness.all, lateMs: lateness.recent(), rssBytes: rss, heapBytes: heapUsed };
    say(join(dir, `loop-${process.pid}.json`), sample);
  }, EVERY_MS).unref();
  process.on('SIGUSR2', () => {
    const begun = now();
    sayWhatIsLive(dir);
    lateness.leaveOut(begun, now());
  });
  if (process.env.LOOP_PROBE_PROFILE !== undefined) {
    profileUntilExit(dir);
    noteStalls(dir, waited);
    noteCollections(dir);
  }
}

/** Milliseconds that this thread, the program's first, was ready to run and had no processor; 0 where the kernel does not count. */
function waitForProcessor(): () => number {
  const told = Buffer.alloc(64);
  try {
    // One descriptor for all reads: this is asked two hundred times a second.
    const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
    return () => {
      const length = readSync(file, told, 0, told.length, 0);
      return Number(told.toString('latin1', 0, length).split(' ')[1]) / 1e6;
    };
  } catch {
    return () => 0;
  }
}

/** When, on the profile's clock, and for how long the loop did not come to its next thing, and how long of it for want of a processor; microseconds. */
export type Stall = readonly [begunAt: number, lasted: number, waited: number];

const STALL_MS_MIN = 30;

/** For bench/mesh/stalls.ts, which says what the time went into. */
function noteStalls(folder: string, waited: () => number): void {
  const stalls: Stall[] = [];
  const now = () => Number(process.hrtime.bigint() / 1_000n);
  let lookedAt = now();
  let waitedMs = waited();
  setInterval(() => {
    const [cameAt, hasWaitedMs] = [now(), waited()];
    const lasted = cameAt - lookedAt;
    if (lasted > (STALL_MS_MIN + RESOLUTION_MS) * 1_000) {
      stalls.push([lookedAt, lasted, Math.round((hasWaitedMs - waitedMs) * 1_000)]);
    }
    lookedAt = cameAt;
    waitedMs = hasWaitedMs;
  }, RESOLUTION_MS).unref();
  process.once('exit', () => writeFileSync(join(folder, `stalls-${process.pid}.json`), JSON.stringify(stalls)));
}

/** A collection of garbage that nothing else ran beside: when, on the profile's clock, and for how long, in microseconds; see `perf_hooks`. */
export type Collection = readonly [begunAt: number, lasted: number, kind: number, flags: number];

const COLLECTION_MS_MIN = 10;

function noteCollections(folder: string): void {
  const collections: Collection[] = [];
  const note = (entry: PerformanceEntry) => {
    const { kind = 0, flags = 0 } = (entry as { readonly detail?: { kind?: number; flags?: number } }).detail ?? {};
    const beganAgo = performance.now() - entry.startTime;
    const begunAt = Number(process.hrtime.bigint() / 1_000n) - Math.round(beganAgo * 1_000);
    collections.push([begunAt, Math.round(entry.duration * 1_000), kind, flags]);
  };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (entry.duration >= COLLECTION_MS_MIN) note(entry);
  }).observe({ entryTypes: ['gc'] });
  process.once('exit', () =>
    writeFileSync(join(folder, `collections-${process.pid}.json`), JSON.stringify(collections)),
  );
}

/** In one step, since it is read at any time. */
function say(file: string, what: object): void {
  writeFileSync(`${file}.new`, JSON.stringify(what));
  renameSync(`${file}.new`, file);
}

/**
 * What is in use once everything else is collected, on SIGUSR2. Buffers of a collection are freed beside the program, and are counted
 * until they are; the next collection begins by waiting for that.
 */
function sayWhatIsLive(folder: string): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  say(join(folder, `live-${process.pid}.json`), { bytes: heapUsed + external } satisfies LiveSample);
}

function profileUntilExit(folder: string): void {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (_error, { profile }) => {
      writeFileSync(join(folder, `cpu-${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
}

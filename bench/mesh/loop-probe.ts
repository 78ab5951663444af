// Loaded into the programs that are measured, ahead of them (`--import`): writes once a second how long their event loop was kept
// from the next thing, and how much memory they have, to a file of their own in LOOP_PROBE_DIR. With LOOP_PROBE_PROFILE it also
// records where their CPU goes, and writes that at their end. The programs know nothing of it.

import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface LoopSample {
  /** Milliseconds that the loop was late, since the last sample was taken. */
  readonly p999: number;
  readonly max: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

const dir = process.env.LOOP_PROBE_DIR;
const RESOLUTION_MS = 5;
const EVERY_MS = 1_000;

if (dir !== undefined) {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  setInterval(() => {
    const { rss, heapUsed } = process.memoryUsage();
    const sample: LoopSample = {
      p999: late(delays.percentile(99.9)),
      max: late(delays.max),
      rssBytes: rss,
      heapBytes: heapUsed,
    };
    writeFileSync(join(dir, `loop-${process.pid}.json`), JSON.stringify(sample));
  }, EVERY_MS).unref();
  // SIGUSR2 begins a new measurement.
  process.on('SIGUSR2', () => delays.reset());
  if (process.env.LOOP_PROBE_PROFILE !== undefined) profileUntilExit(dir);
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

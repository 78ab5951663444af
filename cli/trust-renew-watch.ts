// `clustermesh trust renew --watch`: the renewer as a program that a supervisor runs. It prints a line for what has changed and ends
// with 0 when it is told to; a failure does not end it, since the next attempt may succeed.

import type { LeafFolder } from '../pki/renew/leaf-folder.ts';
import { whileRenewing } from '../pki/renew/presence.ts';
import { LeafRenewer } from '../pki/renew/renewer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { OutputFormat } from './options.ts';
import { eventText, RenewalEvents } from './renewal-events.ts';

export interface WatchOptions {
  readonly dir: string;
  readonly leaves: LeafFolder;
  readonly output: OutputFormat;
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly random: Random;
}

export async function watchLeaves(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { dir, leaves, output, write, clock, random } = options;
  const cluster = await leaves.cluster();
  const events = new RenewalEvents();
  const renewer = new LeafRenewer({
    leaves,
    clock,
    random,
    onRound: (report) => {
      const time = new Date(report.at).toISOString();
      for (const event of events.of(report)) {
        write(
          output === 'json' ? JSON.stringify({ time, cluster, ...event }) : `${time} ${cluster}: ${eventText(event)}`,
        );
      }
    },
  });
  await whileRenewing(dir, clock, () => renewer.run(signal));
}

/** Runs until SIGINT or SIGTERM. Keeps the process alive while it does, which timers of ours do not. */
export async function untilToldToStop(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const alive = setInterval(() => {}, TIMER_MS_MAX);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    await run(stop.signal);
  } finally {
    clearInterval(alive);
  }
}

/** Node's longest; only that there is a timer counts. */
const TIMER_MS_MAX = 2 ** 31 - 1;

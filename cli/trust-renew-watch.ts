// `clustermesh trust renew --watch`: the renewer as a program that a supervisor runs. It prints a line for what has changed and ends
// with 0 when it is told to; a failure does not end it, since the next attempt may succeed.

import type { LeafFolder } from '../pki/renew/leaf-folder.ts';
import { whileRenewing } from '../pki/renew/presence.ts';
import { LeafRenewer } from '../pki/renew/renewer.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import { AfterRenewal } from './after-renewal.ts';
import type { OutputFormat } from './options.ts';
import { eventText, type RenewalEvent, RenewalEvents } from './renewal-events.ts';

export interface WatchOptions {
  readonly dir: string;
  readonly leaves: LeafFolder;
  /** Carries certificates to where they are used; see after-renewal.ts. */
  readonly command?: string | undefined;
  readonly output: OutputFormat;
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly random: Random;
}

export async function watchLeaves(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { dir, leaves, command, output, write, clock, random } = options;
  const cluster = await leaves.cluster();
  const events = new RenewalEvents();
  const say = (event: RenewalEvent) => {
    const time = new Date(clock.now()).toISOString();
    write(output === 'json' ? JSON.stringify({ time, cluster, ...event }) : `${time} ${cluster}: ${eventText(event)}`);
  };
  const after = command === undefined ? undefined : new AfterRenewal({ command, dir, say, clock, random });
  const renewer = new LeafRenewer({
    leaves,
    clock,
    random,
    onRound: (report) => {
      for (const event of events.of(report)) say(event);
      if (report.entries.length > 0) after?.look(report.entries);
    },
  });
  await whileRenewing(dir, clock, async () => {
    await Promise.all([renewer.run(signal), after?.run(signal)]);
  });
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

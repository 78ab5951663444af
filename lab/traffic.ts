// Traffic from one node to one address, and what became of it: the client's results as they come in, counted since any moment
// that the caller marks. The requests are made by a process of their own inside the node (client.ts).

import { parseResult, type RequestResult } from './client-result.ts';
import type { Place } from './place.ts';
import type { LabProcess, StartProcess } from './process.ts';
import { programLine } from './programs.ts';

export interface TrafficOptions {
  readonly name: string;
  /** `http://172.20.1.10:80/` */
  readonly target: string;
  readonly place: Place;
  readonly logFile: string;
  readonly ratePerSecond: number;
  /** After this a request has failed. @default 2000 */
  readonly timeoutMs?: number;
  readonly start: StartProcess;
}

export interface TrafficCounts {
  readonly requests: number;
  readonly failed: number;
  /** By the name of the cluster that answered. */
  readonly answeredBy: Readonly<Record<string, number>>;
  /** By reason. */
  readonly errors: Readonly<Record<string, number>>;
}

/** About ten minutes at the highest rate in use; older results are only in the totals. */
const RESULTS_KEPT = 60_000;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #results: RequestResult[] = [];
  readonly #waiting = new Set<() => void>();
  #process: LabProcess | undefined;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { name, target, place, logFile, ratePerSecond, timeoutMs = 2000, start } = this.#options;
    const args = ['--target', target, '--rate', String(ratePerSecond), '--timeout-ms', String(timeoutMs)];
    this.#process = await start({
      ...programLine('lab/client', args),
      name,
      place,
      logFile,
      onLine: (line) => this.#take(line),
    });
  }

  /** Lets what is under way come to its end. */
  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Results of requests that were begun at or after `since` (milliseconds since the epoch) and have ended. */
  results(since = 0): readonly RequestResult[] {
    // They stand in the order in which they ended, and none ended before it was begun.
    const before = this.#results.findLastIndex(({ endedAt }) => endedAt < since);
    return this.#results.slice(before + 1).filter(({ begunAt }) => begunAt >= since);
  }

  counts(since = 0): TrafficCounts {
    return countResults(this.results(since));
  }

  /** The first result begun at or after `since` that `matches`; waits for it. */
  async until(
    matches: (result: RequestResult) => boolean,
    { since, timeoutMs, signal }: { readonly since: number; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<RequestResult | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.results(since).find(matches);
      if (found !== undefined) return found;
      signal.throwIfAborted();
      if (performance.now() > deadline || this.#process?.running !== true) return undefined;
      await this.#next(Math.min(100, deadline - performance.now()));
    }
  }

  /** Resolves at the next result, or when `timeoutMs` have passed. */
  #next(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, timeoutMs));
      this.#waiting.add(done);
    });
  }

  #take(line: string): void {
    const result = parseResult(line);
    if (result === undefined) return;
    this.#results.push(result);
    if (this.#results.length > RESULTS_KEPT) this.#results.splice(0, RESULTS_KEPT / 10);
    for (const done of [...this.#waiting]) done();
  }
}

export function countResults(results: readonly RequestResult[]): TrafficCounts {
  const answeredBy: Record<string, number> = {};
  const errors: Record<string, number> = {};
  for (const { answer, error } of results) {
    if (answer !== undefined) answeredBy[answer.cluster] = (answeredBy[answer.cluster] ?? 0) + 1;
    else errors[error ?? 'unknown'] = (errors[error ?? 'unknown'] ?? 0) + 1;
  }
  const failed = Object.values(errors).reduce((sum, count) => sum + count, 0);
  return { requests: results.length, failed, answeredBy, errors };
}

// Evidence from real requests: a client on a node of west, whose every answer and failure counts.

import type { RequestResult } from '../lab/client-result.ts';
import { countResults, type Traffic } from '../lab/traffic.ts';
import { type Evidence, type Matches, type Sample, SERVED_WITHIN_MS } from './evidence.ts';

/** So many answers in a row without another one mean that the others have stopped: three clusters share the requests. */
const IN_A_ROW = 40;
/** Enough for each of three clusters to be seen about a hundred times. */
const SAMPLE_REQUESTS = 300;

export class RequestEvidence implements Evidence {
  readonly kind = 'requests';
  readonly unit = 'requests';
  readonly #traffic: Traffic;
  readonly #signal: AbortSignal;

  constructor(deps: { readonly traffic: Traffic; readonly signal: AbortSignal }) {
    this.#traffic = deps.traffic;
    this.#signal = deps.signal;
  }

  now(): number {
    return performance.timeOrigin + performance.now();
  }

  async untilServed(matches: Matches, since: number): Promise<number | undefined> {
    const first = await this.#until(since, ({ answer }) => answer !== undefined && matches(answer));
    return first === undefined ? undefined : first.endedAt - since;
  }

  async untilOnly(matches: Matches, since: number): Promise<number | undefined> {
    const settled = await this.#until(since, () => this.#run(matches, since).length >= IN_A_ROW);
    const [first] = this.#run(matches, since);
    return settled === undefined || first === undefined ? undefined : first.begunAt - since;
  }

  async hasServed(matches: Matches, since: number): Promise<boolean> {
    return this.#traffic.results(since).some(({ answer }) => answer !== undefined && matches(answer));
  }

  async sample(since: number): Promise<Sample> {
    await this.#until(since, () => this.#traffic.results(since).length >= SAMPLE_REQUESTS);
    return this.seen(since);
  }

  async seen(since: number): Promise<Sample> {
    const { requests, failed, errors, answeredBy } = countResults(this.#traffic.results(since));
    return { requests, failed, errors, byCluster: answeredBy };
  }

  stop(): Promise<void> {
    return this.#traffic.stop();
  }

  #run(matches: Matches, since: number): readonly RequestResult[] {
    return trailingRun(this.#traffic.results(since), matches);
  }

  #until(since: number, holds: Parameters<Traffic['until']>[0]) {
    return this.#traffic.until(holds, { since, timeoutMs: SERVED_WITHIN_MS, signal: this.#signal });
  }
}

/** The last results without a break that all match, in the order in which the requests were begun. */
export function trailingRun(results: readonly RequestResult[], matches: Matches): readonly RequestResult[] {
  const inOrder = [...results].sort((a, b) => a.begunAt - b.begunAt);
  const last = inOrder.findLastIndex(({ answer }) => answer === undefined || !matches(answer));
  return inOrder.slice(last + 1);
}

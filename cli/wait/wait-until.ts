// Looks again and again until a condition is reached or the time is over. An API server that does not answer may be about to start,
// so that is waited for too, and reported only when the time is over. The pauses between two looks grow up to a bound: status is
// a document that is made when asked for, and nobody is told when it changes.

import { OperationalError } from '../../runtime/errors.ts';
import type { Condition, Observation } from './conditions.ts';

/** A change reaches the kernel in some ten milliseconds; a pipeline does not notice a second. */
const PAUSE_FIRST_MS = 100;
const PAUSE_LONGEST_MS = 1_000;
const PAUSE_GROWTH = 1.5;

export interface WaitDeps {
  readonly observe: () => Promise<Observation>;
  readonly monotonic: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** What is missing, whenever that is not what it was before. */
  readonly onProgress: (missing: readonly string[]) => void;
}

export interface WaitOutcome {
  readonly schema_version: 1;
  readonly condition: string;
  readonly reached: boolean;
  readonly waited_ms: number;
  readonly missing: readonly string[];
  /** Of the last snapshot that was seen. */
  readonly revision: number | undefined;
}

/** Rejects with the API's own failure when the last look got no answer. */
export async function waitUntil(condition: Condition, timeoutMs: number, deps: WaitDeps): Promise<WaitOutcome> {
  const begun = deps.monotonic();
  let shown = '';
  for (let pause = PAUSE_FIRST_MS; ; pause = Math.min(pause * PAUSE_GROWTH, PAUSE_LONGEST_MS)) {
    const { missing, revision, failure } = await look(condition, deps);
    const waited = deps.monotonic() - begun;
    const left = timeoutMs - waited;
    if (failure !== undefined && left <= 0) throw failure;
    const reached = missing.length === 0;
    if (reached || left <= 0) {
      return {
        schema_version: 1,
        condition: condition.text,
        reached,
        waited_ms: Math.round(waited),
        missing,
        revision,
      };
    }
    const text = missing.join('\n');
    if (text !== shown) deps.onProgress(missing);
    shown = text;
    await deps.pause(Math.min(pause, left));
  }
}

interface Look {
  readonly missing: readonly string[];
  readonly revision: number | undefined;
  readonly failure: OperationalError | undefined;
}

async function look(condition: Condition, { observe }: WaitDeps): Promise<Look> {
  try {
    const seen = await observe();
    return { missing: condition.missing(seen), revision: seen.status.snapshot.revision, failure: undefined };
  } catch (error) {
    if (!(error instanceof OperationalError) || error.code !== 'API_UNREACHABLE') throw error;
    return { missing: ['the API server does not answer'], revision: undefined, failure: error };
  }
}

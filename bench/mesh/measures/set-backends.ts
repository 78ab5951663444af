// The change whose way into the maps is timed: the first service of the first played cluster gets another number of backends.

import type { MeshStage } from '../stage.ts';

/** More than this is not slow but stuck. */
const CHANGE_WITHIN_MS = 60_000;
/** Of the order of what is timed. Looks at an agent take a millisecond of it and of this machine. */
const LOOK_MS = 5;
/** Where the agent's grace for rows that are left makes a second of it anyway. */
const LATER_LOOK_MS = 20;

/** Milliseconds until the agent has programmed `total` backends. */
export async function setBackends(
  stage: MeshStage,
  backends: number,
  total: number,
  signal: AbortSignal,
): Promise<number> {
  const before = (await stage.agent()).programmed.backends;
  const begun = performance.now();
  await stage.play<number>({ type: 'service', backends });
  const programmed = async () => (await stage.agent()).programmed.backends === total;
  const lookMs = total > before ? LOOK_MS : LATER_LOOK_MS;
  await stage.until(`${total} backends`, programmed, CHANGE_WITHIN_MS, signal, lookMs);
  return performance.now() - begun;
}

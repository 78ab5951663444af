// When a leaf is issued anew, and when to look again. Pure. All leaves of a folder wait for the same share of the spread, so that
// they are renewed in one round; clusters that were set up in the same minute are not.

import { renewalOf } from '../leaf-files.ts';
import type { StandingLeaf } from './standing.ts';

/** Of a life, after the two thirds. It ends before a leaf counts as overdue, which is at three quarters at the earliest. */
export const SPREAD_SHARE = 1 / 20;
/**
 * Timers stand still while a machine sleeps, clocks are set, and files come and go: so it looks this often even when nothing is due.
 * The shortest life that may be asked for leaves twice as long between due and expired.
 */
export const LOOK_MS_MAX = 10 * 60_000;
/** An authority that ends shortens every leaf that it signs: near its end one would follow the other without a pause. */
const LOOK_MS_MIN = 30_000;

/** Milliseconds since the epoch. `spread`: in [0, 1). What is of no use waits for nothing. */
export function renewAt({ certificate, flaw }: StandingLeaf, spread: number): number {
  if (certificate === undefined || flaw !== undefined) return Number.NEGATIVE_INFINITY;
  const { dueAt, lifeMs } = renewalOf(certificate);
  return dueAt + lifeMs * SPREAD_SHARE * spread;
}

/** The pause after a round in which all that was due has been renewed. */
export function pauseMs(leaves: readonly StandingLeaf[], now: number, spread: number): number {
  const earliest = leaves.reduce((first, leaf) => Math.min(first, renewAt(leaf, spread)), now + LOOK_MS_MAX);
  return Math.max(LOOK_MS_MIN, earliest - now);
}

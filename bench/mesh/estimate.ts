// The middle of what was found several times, and how far it may be from what would be found if it were looked for again and again:
// by the order of the values alone, since what disturbs a measurement does so in one direction and not by a little. Pure.

export interface Estimate {
  readonly median: number;
  /** In 19 of 20 cases the true median lies between them; with five values or fewer they are the least and the largest. */
  readonly low: number;
  readonly high: number;
}

/** How often the true median may lie beyond one of the ends. */
const BEYOND = 0.025;

export function medianEstimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  const last = sorted.length - 1;
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  const outside = ranksOutside(sorted.length);
  return { median, low: at(outside), high: at(last - outside) };
}

/** Values at either end that may be left out: each lies on either side of the true median as a coin falls. */
function ranksOutside(count: number): number {
  let chance = 2 ** -count;
  let beyond = chance;
  let rank = 0;
  while (rank < count / 2) {
    chance *= (count - rank) / (rank + 1);
    if (beyond + chance > BEYOND) return rank;
    beyond += chance;
    rank += 1;
  }
  return rank;
}

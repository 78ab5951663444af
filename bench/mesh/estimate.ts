// What something costs, of several measurements of which some were disturbed: the mean without those at either end, and how far it may be
// from what would be found if it were measured again and again. Not the median: what is done once for many changes, such as writing a
// whole value, is in some windows and not in others, and is to count by its share. Pure.

export interface Estimate {
  readonly mean: number;
  /** In about 19 of 20 cases what is looked for lies between them. */
  readonly low: number;
  readonly high: number;
}

/** Of the values, at either end: of 16 three, as many as what comes once a minute can be in. */
const LEFT_OUT = 3 / 16;

/** The trimmed mean, and its error by the variance of what is left, winsorized (Tukey and McLaughlin). */
export function estimate(values: readonly number[]): Estimate {
  const sorted = [...values].sort((a, b) => a - b);
  const count = sorted.length;
  const leftOut = Math.floor(count * LEFT_OUT);
  const kept = sorted.slice(leftOut, count - leftOut);
  const mean = average(kept);
  const [least = Number.NaN, largest = Number.NaN] = [kept[0], kept.at(-1)];
  const winsorized = sorted.map((value) => Math.min(Math.max(value, least), largest));
  const middle = average(winsorized);
  const variance = winsorized.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (count - 1);
  const margin =
    kept.length < 2 ? 0 : (timesError(kept.length - 1) * Math.sqrt(variance / count)) / (kept.length / count);
  return { mean, low: mean - margin, high: mean + margin };
}

const average = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Student's t for 19 of 20 cases, within 3 % from three degrees of freedom on. */
const timesError = (freedom: number): number => 1.96 + 2.4 / freedom + 3.6 / freedom ** 2;

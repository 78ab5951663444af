// One axis of a plot: which ticks it has, and where a value stands on it. Pure.

export interface Tick {
  readonly at: number;
  readonly label: string;
}

export interface Scale {
  readonly type: 'log' | 'linear';
  /** The axis reaches from the first to the last, and what is outside stands at its end. @default as the values need */
  readonly ticks?: readonly Tick[];
}

export interface Axis {
  readonly ticks: readonly Tick[];
  place(value: number): number;
}

/** About so many ticks are read at a glance. */
const TICKS = 6;

export function axisOf(
  { type, ticks }: Scale,
  values: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): Axis {
  const shown = ticks ?? (type === 'log' ? powersOfTen(values) : evenTicks(values)).map(labelled);
  const measure = type === 'log' ? Math.log10 : (value: number) => value;
  const [low, high] = [shown[0]?.at ?? 1, shown.at(-1)?.at ?? 10];
  const place = (value: number): number => {
    const within = Math.min(Math.max(value, low), high);
    return Math.round(from + ((measure(within) - measure(low)) / (measure(high) - measure(low))) * (to - from));
  };
  return { ticks: shown, place };
}

const labelled = (at: number): Tick => ({ at, label: at.toLocaleString('en') });

/** Around all values above 0: nothing else has a place among them. */
function powersOfTen(values: readonly number[]): readonly number[] {
  const exponents = values.filter((value) => value > 0).map(Math.log10);
  const low = exponents.length === 0 ? 0 : Math.floor(Math.min(...exponents));
  const high = Math.max(low + 1, Math.ceil(Math.max(low, ...exponents)));
  return Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
}

/** From 0, by a step that people count in. */
function evenTicks(values: readonly number[]): readonly number[] {
  const most = Math.max(0, ...values) || 1;
  const rough = most / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  // Counted in steps, so that no tick is 0.30000000000000004.
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

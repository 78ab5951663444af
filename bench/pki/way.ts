// One way of doing an operation, to be measured beside others: rounds of it are interleaved with theirs, so that what else the machine
// does meets all of them alike.

export interface Way {
  readonly name: string;
  /** Does the operation some times; resolves with microseconds for one. */
  round(): Promise<number>;
}

/** The ways of one operation; the first is ours. */
export interface Operation {
  readonly name: string;
  readonly ways: readonly Way[];
  close(): Promise<void>;
}

export interface Measured {
  readonly operation: string;
  readonly way: string;
  /** Microseconds, the median of the rounds. */
  readonly median: number;
  /** Ours over this, the median of the rounds' own ratios; 1 for ours. */
  readonly ratio: number;
}

/** Microseconds for one of `count` calls. */
export async function timed(count: number, work: (index: number) => unknown): Promise<number> {
  const begun = process.hrtime.bigint();
  for (let index = 0; index < count; index += 1) await work(index);
  return Number(process.hrtime.bigint() - begun) / 1_000 / count;
}

/** After one round of each that warms up what needs it. */
export async function measure({ name, ways }: Operation, rounds: number): Promise<readonly Measured[]> {
  const samples = ways.map(() => [] as number[]);
  for (let round = 0; round <= rounds; round += 1) {
    for (const [index, way] of ways.entries()) {
      const sample = await way.round();
      if (round > 0) samples[index]?.push(sample);
    }
  }
  const [ours = []] = samples;
  return ways.map((way, index) => {
    const own = samples[index] ?? [];
    const ratios = own.map((sample, round) => (ours[round] ?? Number.NaN) / sample);
    return { operation: name, way: way.name, median: medianOf(own), ratio: medianOf(ratios) };
  });
}

const medianOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

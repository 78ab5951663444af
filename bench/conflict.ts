// `npm run bench:conflict [-- -o json]`: what it costs to find ranges that meet, against its limits and against other means in the
// same run. Exits with 1 when a limit is missed, or when the two ways to find them do not agree.

import { parseArgs } from 'node:util';
import { systemClock } from '../runtime/clock.ts';
import { seededRandom } from '../runtime/random.ts';
import { measureEvaluation, measureRanges } from './ranges/measure.ts';
import { sampleRanges } from './ranges/sample.ts';

const RANGES = 100_000;
const ROUNDS = 7;
const CHECK_MS_MAX = 150;
const CHANGE_US_MAX = 50;

interface Row {
  readonly what: string;
  readonly median: number;
  readonly unit: 'ms' | 'µs';
  readonly limit?: number;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

const { values } = parseArgs({ options: { output: { type: 'string', short: 'o', default: 'table' } } });
const sample = sampleRanges(RANGES, seededRandom(1));
const rounds = Array.from({ length: ROUNDS }, () => measureRanges(sample, systemClock));
const evaluations = Array.from({ length: 3 }, () => measureEvaluation(RANGES, systemClock));

const of = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
const rows: readonly Row[] = [
  { what: 'texts to conflicts', median: of(({ check }) => check), unit: 'ms', limit: CHECK_MS_MAX },
  { what: '  of which parsing', median: of(({ checkParsing }) => checkParsing), unit: 'ms' },
  { what: 'sort and sweep, with the same parser', median: of((round) => round.sweep), unit: 'ms' },
  { what: 'ip-cidr, parsing alone', median: of(({ ipCidrParsing }) => ipCidrParsing), unit: 'ms' },
  { what: 'one range changes', median: of(({ changes }) => median(changes)), unit: 'µs', limit: CHANGE_US_MAX },
  {
    what: 'one node changes, from its bytes to what is admitted',
    median: median(evaluations.map(median)),
    unit: 'µs',
    limit: CHANGE_US_MAX,
  },
];
const disagreement = rounds.find(({ conflicts, pairs }) => conflicts !== pairs);
const missed = rows.filter(({ median: measured, limit }) => limit !== undefined && !(measured <= limit));
const [first] = rounds;

if (values.output === 'json') {
  const report = { ranges: RANGES, rounds: ROUNDS, conflicts: first?.conflicts, pairs: first?.pairs, rows };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} else {
  process.stdout.write(`${RANGES} ranges, ${first?.conflicts} conflicts, medians of ${ROUNDS} runs\n\n`);
  for (const { what, median: measured, unit, limit } of rows) {
    const value = `${measured.toFixed(1)} ${unit}`.padStart(12);
    const verdict = limit === undefined ? '' : `limit ${limit} ${unit}: ${measured <= limit ? 'met' : 'MISSED'}`;
    process.stdout.write(`${what.padEnd(54)}${value}  ${verdict}`.trimEnd().concat('\n'));
  }
}
if (disagreement !== undefined) {
  process.stderr.write(`found ${disagreement.conflicts} conflicts, the sweep ${disagreement.pairs} pairs\n`);
}
process.exitCode = missed.length > 0 || disagreement !== undefined ? 1 : 0;

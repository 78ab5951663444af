// `npm run bench:conflict [-- -o json]`: what it costs to find ranges that meet, against its limits and against other means in the
// same run. Exits with 1 when a limit is missed, or when the two ways to find them do not agree.

import { systemClock } from '../runtime/clock.ts';
import { seededRandom } from '../runtime/random.ts';
import { npmCommand, outputOption, scriptOptions } from './command-line.ts';
import { measureChanges, measureCheck, measureEvaluation, measureIpCidr, measureSweep } from './ranges/measure.ts';
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

const { output } = scriptOptions<{ readonly output: 'text' | 'json' }>(
  npmCommand('bench:conflict', `measure how long overlaps among ${RANGES} ranges take to find`).addOption(
    outputOption(),
  ),
);
const sample = sampleRanges(RANGES, seededRandom(1));
/** After one that warms the compiler up. */
const times = <T>(measure: () => T): readonly T[] => Array.from({ length: ROUNDS + 1 }, measure).slice(1);
const checks = times(() => measureCheck(sample, systemClock));
const sweeps = times(() => measureSweep(sample, systemClock));
const ipCidr = times(() => measureIpCidr(sample, systemClock));
const changes = times(() => median(measureChanges(sample, systemClock)));
const nodes = times(() => median(measureEvaluation(RANGES, systemClock)));

const rows: readonly Row[] = [
  { what: 'texts to conflicts', median: median(checks.map(({ whole }) => whole)), unit: 'ms', limit: CHECK_MS_MAX },
  { what: '  of which parsing', median: median(checks.map(({ parsing }) => parsing)), unit: 'ms' },
  { what: 'the same by sort and sweep', median: median(sweeps.map(({ whole }) => whole)), unit: 'ms' },
  { what: 'ip-cidr, parsing alone', median: median(ipCidr), unit: 'ms' },
  { what: 'one range changes', median: median(changes), unit: 'µs', limit: CHANGE_US_MAX },
  {
    what: 'one node changes, from its bytes to what is admitted',
    median: median(nodes),
    unit: 'µs',
    limit: CHANGE_US_MAX,
  },
];
const [first, swept] = [checks[0]?.found, sweeps[0]?.found];
const missed = rows.filter(({ median: measured, limit }) => limit !== undefined && !(measured <= limit));

if (output === 'json') {
  const report = { ranges: RANGES, rounds: ROUNDS, conflicts: first, pairs: swept, rows };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
} else {
  process.stdout.write(`${RANGES} ranges, ${first} conflicts, medians of ${ROUNDS} runs\n\n`);
  for (const { what, median: measured, unit, limit } of rows) {
    const value = `${measured.toFixed(1)} ${unit}`.padStart(12);
    const verdict = limit === undefined ? '' : `limit ${limit} ${unit}: ${measured <= limit ? 'met' : 'MISSED'}`;
    process.stdout.write(`${what.padEnd(54)}${value}  ${verdict}`.trimEnd().concat('\n'));
  }
}
if (first !== swept) process.stderr.write(`found ${first} conflicts, the sweep ${swept} pairs\n`);
process.exitCode = missed.length > 0 || first !== swept ? 1 : 0;

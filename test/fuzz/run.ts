// The fuzz of decoding and admission at any length. Exits with 1 when something was admitted that breaks a rule, threw, or took memory that
// grows with the count.

import { aboveZero, npmCommand, scriptOptions, wholeNumber } from '../../bench/command-line.ts';
import { seededRandom } from '../../runtime/random.ts';
import { fuzz } from './session.ts';

/** What the process may take in all: the same for a thousand records and for a million. */
const RSS_MIB_MAX = 512;
const SAY_EVERY = 100_000;

const { count, seed = Date.now() % 2 ** 31 } = scriptOptions<{ readonly count: number; readonly seed?: number }>(
  npmCommand('fuzz', 'send records that were broken in every way to decoding and admission')
    .option('--count <number>', 'how many', aboveZero, 20_000)
    .option('--seed <number>', 'the same seed breaks the same things (default: another one each time)', wholeNumber),
);
process.stdout.write(`seed ${seed}, ${count} records\n`);
const begun = performance.now();
const { records, looks, admitted, withheld, failures } = fuzz({
  count,
  random: seededRandom(seed),
  onProgress: (sent) => {
    if (sent % SAY_EVERY === 0) process.stdout.write(`${sent} records, ${seconds()} s, ${rss()} MiB\n`);
  },
});
for (const failure of failures) process.stderr.write(`${failure}\n`);
const peak = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(
  `${records} records in ${seconds()} s: ${looks} looks, ${admitted} admitted and ${withheld} withheld at the ends, ` +
    `${failures.length} failures, peak ${peak} MiB\n`,
);
process.exitCode = failures.length > 0 || peak > RSS_MIB_MAX ? 1 : 0;

function seconds(): string {
  return ((performance.now() - begun) / 1_000).toFixed(1);
}

function rss(): number {
  return Math.round(process.memoryUsage().rss / 1024 / 1024);
}

// `npm run bench:admission [-- --clusters N] [-- -o json]`: what admission keeps in memory of each record, by kind, and the CPU until it
// is judged, with the records that bench:mesh plays and without anything of what brings them there.

import { measureAdmission } from './admission/measure.ts';
import { aboveZero, npmCommand, outputOption, scriptOptions } from './command-line.ts';
import { FULL } from './mesh/size.ts';

const { clusters, output } = scriptOptions<{ readonly clusters: number; readonly output: 'text' | 'json' }>(
  npmCommand('bench:admission', 'measure what admission keeps of each kind of record, and what judging it costs')
    .option('--clusters <number>', 'whose records they are', aboveZero, 50)
    .addOption(outputOption()),
);
const size = { ...FULL, clusters };
const kinds = measureAdmission(size);
const endpoints = size.clusters * size.endpoints;
const bytes = kinds.reduce((sum, kind) => sum + kind.bytes * kind.records, 0) / endpoints;
const cpuMs = kinds.reduce((sum, kind) => sum + kind.cpuUs * kind.records, 0) / 1_000;

if (output === 'json') {
  process.stdout.write(`${JSON.stringify({ size, kinds, bytesPerEndpoint: bytes, cpuMs }, undefined, 2)}\n`);
} else {
  for (const { kind, records, bytes: each, cpuUs } of kinds) {
    process.stdout.write(
      `${kind.padEnd(12)}${String(records).padStart(8)} records${each.toFixed(0).padStart(8)} B each${cpuUs.toFixed(1).padStart(8)} µs\n`,
    );
  }
  process.stdout.write(
    `for each endpoint, with all that comes with it: ${bytes.toFixed(0)} B; CPU ${cpuMs.toFixed(0)} ms\n`,
  );
}

// `npm run bench:pki`: what it costs to issue a certificate, to verify a chain, and to make a connection under mutual TLS: ours, beside
// node:crypto and node:tls bare, and beside the `openssl` command, interleaved in one run.
//
//   npm run bench:pki -- [--rounds 7] [-o table|json] [--write] [--realtime]
//
// Needs the `openssl` command, version 3. `--write` puts the results into docs/performance.md; `--realtime` has it all
// run before everything else on the machine, where that is shared (root). Exit codes: 0 within the limits, 1 not.

import { aboveZero, commandText, npmCommand, outputOption, scriptOptions } from './command-line.ts';
import { machineLine, table, writeSection } from './markdown-section.ts';
import { exceeded, LIMITS } from './pki/limits.ts';
import { FULL, runPki } from './pki/run.ts';
import { goRealtime } from './propagation/realtime.ts';

interface Options {
  readonly rounds: number;
  readonly output: 'text' | 'json';
  readonly realtime?: true;
  readonly write?: true;
}

const { rounds, output, realtime, write } = scriptOptions<Options>(
  npmCommand('bench:pki', 'measure issuing, verifying and handshakes beside node:crypto, openssl and node:tls')
    .option('--rounds <number>', 'how often each is measured', aboveZero, 7)
    .option('--realtime', 'run before everything else on this machine; needs root')
    .option('--write', 'put the results into docs/performance.md')
    .addOption(outputOption()),
);
if (realtime === true && !goRealtime()) {
  process.stderr.write('the kernel does not let this process run before others\n');
}
const { measured, version } = await runPki({ ...FULL, rounds });
const missed = exceeded(measured);

const rows = measured.map(({ operation, way, median, ratio }) => [
  operation,
  way,
  median.toFixed(0),
  Math.round(1e6 / median).toLocaleString('en'),
  ratio === 1 ? '' : ratio.toFixed(2),
]);
const header = ['operation', 'by', 'µs', 'per second', 'ours ÷ it'];

if (output === 'json') process.stdout.write(`${JSON.stringify({ version, rounds, measured, missed }, undefined, 2)}\n`);
else process.stdout.write(`${table(header, rows)}\n${missed.map((line) => `${line}\n`).join('')}`);
if (write === true) {
  writeSection(
    'pki',
    [
      '## Certificates and handshakes',
      machineLine(commandText('bench:pki')),
      `P-256 throughout, ${version}. One after the other, on one thread where it is not the command's. Medians of ${rounds} interleaved rounds; the last column is the median of the rounds' own ratios. node:crypto does the arithmetic and nothing else: no encoding of a certificate, no path, no names. Both sides of a handshake are in it.`,
      table(header, rows),
      'Issuing spends its time where a certificate is encoded, in JavaScript, and where keys are read anew for each leaf; a node needs one leaf a day. Verifying spends half of it in OpenSSL, reading certificates and writing their keys to be pinned: a path is verified when a door is looked at and when somebody is let in anew, not for each connection. Handshakes cost what those of node:tls do.',
      `Limits, as ratios, so that they hold on any machine: ${LIMITS.map(({ operation, way, ratioMax }) => `${operation} ≤ ${ratioMax} × ${way}`).join('; ')}: ${missed.length === 0 ? 'met' : missed.join('; ')}.`,
    ].join('\n\n'),
  );
}
process.exitCode = missed.length === 0 ? 0 : 1;

// `clustermesh trust renew`: issues the leaves of a folder anew that are due, with the names they carry. Programs that run take the
// new files without a restart. Exit 1 says that a renewal failed; the pair that was there still serves. With --watch it goes on
// (trust-renew-watch.ts).

import { Command, Option } from 'commander';
import { renewalOf } from '../pki/leaf-files.ts';
import { LeafFolder, type RenewalFailure } from '../pki/renew/leaf-folder.ts';
import { type RoundEntry, renewalRound } from '../pki/renew/round.ts';
import { type LeafState, leafOwner, leafState, type StandingLeaf } from '../pki/renew/standing.ts';
import { systemClock } from '../runtime/clock.ts';
import { systemRandom } from '../runtime/random.ts';
import { parseLife } from './leaf-life.ts';
import { type OutputFormat, outputOption, print } from './options.ts';
import { table } from './table.ts';
import { untilToldToStop, watchLeaves } from './trust-renew-watch.ts';

/** What is not valid yet needs another clock, and a leaf by this one might be over for everybody else. */
const SERVING: ReadonlySet<LeafState> = new Set(['ok', 'early']);

interface RenewOptions {
  readonly dir: string;
  readonly all?: boolean;
  readonly due?: true;
  readonly dryRun?: boolean;
  readonly leafLife?: number;
  readonly watch?: true;
  readonly run?: string;
  readonly output: OutputFormat;
}

export function renewCommand(): Command {
  return new Command('renew')
    .description('issue the certificates of a folder anew that are due, with the names they carry')
    .requiredOption('--dir <folder>', "where the cluster's certificates and its authority stand")
    .addOption(new Option('--all', 'also those that are not due yet').conflicts('due'))
    .option('--due', 'those that have used up two thirds of their life (default)')
    .addOption(
      new Option('--leaf-life <duration>', 'how long the new ones live; else what pki init was told').argParser(
        parseLife,
      ),
    )
    .option('--dry-run', 'print what would be renewed, and write nothing')
    .addOption(
      new Option('--watch', 'keep them renewed until a signal ends it, printing what happens').conflicts([
        'all',
        'dryRun',
      ]),
    )
    .addOption(
      new Option('--run <command>', 'as --watch, and what sh is to run when a certificate is another: to copy them')
        .implies({ watch: true })
        .conflicts(['all', 'dryRun']),
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 a renewal failed, or none could succeed, 2 wrong usage, 3 could not be carried out.',
    )
    .action(async ({ dir, all = false, dryRun = false, leafLife, watch, run, output }: RenewOptions) => {
      const leaves = new LeafFolder({ dir, lifeMs: leafLife });
      if (watch === true) {
        const write = (line: string) => void process.stdout.write(`${line}\n`);
        const options = { dir, leaves, command: run, output, write, clock: systemClock, random: systemRandom };
        return await untilToldToStop((signal) => watchLeaves(options, signal));
      }
      const cluster = await leaves.cluster();
      const now = systemClock.now();
      const due = (leaf: StandingLeaf) => all || !SERVING.has(leafState(leaf, now));
      const entries = await renewalRound({ leaves, now, due, dryRun });
      // A timer that finds nothing due yet is to learn in time that nothing could be renewed.
      const obstacle = (await leaves.obstacle()) ?? null;
      const told = obstacle && { reason: obstacle.reason, remedy: obstacle.hint };
      const document = { schema_version: 1, cluster, dir, dry_run: dryRun, leaves: entries.map(shown), obstacle: told };
      print(output, document, () => render(entries, obstacle));
      if (obstacle !== null || entries.some(({ action }) => action === 'failed')) process.exitCode = 1;
    });
}

function shown({ leaf: { place, certificate }, action, failure }: RoundEntry) {
  return {
    for: leafOwner(place),
    certificate: place.paths.cert,
    action,
    valid_to: certificate === undefined ? null : new Date(certificate.validTo).toISOString(),
    renewal_due: certificate === undefined ? null : new Date(renewalOf(certificate).dueAt).toISOString(),
    reason: failure?.reason ?? null,
    remedy: failure?.hint ?? null,
  };
}

function render(entries: readonly RoundEntry[], obstacle: RenewalFailure | null): string {
  const rows = entries.map(shown);
  const failed = rows
    .filter(({ action }) => action === 'failed')
    .map(({ certificate, reason, remedy }) => `${certificate}: not renewed: ${reason}\n  fix: ${remedy}`);
  const listed = table(
    ['FOR', 'CERTIFICATE', 'ACTION', 'VALID TO', 'RENEWAL DUE'],
    rows.map((row) => [row.for, row.certificate, row.action, row.valid_to ?? '-', row.renewal_due ?? '-']),
  );
  const obstructed =
    obstacle === null || failed.length > 0
      ? []
      : [`nothing can be renewed: ${obstacle.reason}\n  fix: ${obstacle.hint}`];
  return [listed, ...failed, ...obstructed].join('\n\n');
}

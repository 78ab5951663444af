// `clustermesh diagnose`: what is wrong in the mesh, asked of a running API server or judged from a folder. Both give the same
// report, in four formats, and the same exit codes: 0 nothing blocking or in error, 1 findings that are, 2 only warnings under
// --strict, 3 nothing could be evaluated. (2 is wrong usage too, which then says so on standard error.)

import { Command, InvalidArgumentError, Option } from 'commander';
import { CATALOGUE } from '../mesh/conflict/catalogue.ts';
import { CATEGORIES, SEVERITIES } from '../mesh/conflict/finding.ts';
import { filterReport, type Report, type ReportFilter } from '../mesh/conflict/report.ts';
import { parseTime } from '../mesh/wire/time.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import type { ApiPlace } from './api-request.ts';
import { exitCodeOf } from './diagnose-exit.ts';
import { renderJunit } from './diagnose-junit.ts';
import { renderSarif } from './diagnose-sarif.ts';
import { renderReport } from './diagnose-table.ts';
import { pkiOption, serverOption } from './options.ts';
import { outputColours, outputWidth } from './terminal.ts';

type Format = 'table' | 'json' | 'junit' | 'sarif';

interface DiagnoseOptions extends ReportFilter, ApiPlace {
  readonly offline?: string;
  readonly now?: number;
  readonly output: Format;
  readonly strict?: true;
}

export function diagnoseCommand(): Command {
  const command = new Command('diagnose')
    .description('show conflicts and faults of the mesh, from an API server or from a folder')
    .addOption(serverOption())
    .addOption(pkiOption())
    .option('--offline <folder>', 'judge this folder instead of asking a server; see docs/diagnose.md')
    .addOption(new Option('--now <time>', 'the time of an offline judgement, RFC 3339').argParser(parseNow))
    .addOption(
      new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'junit', 'sarif']).default('table'),
    )
    .option('--peer <cluster>', 'only findings that name this cluster')
    .addOption(new Option('--severity <severity>', 'only findings this severe').choices(SEVERITIES))
    .addOption(new Option('--category <category>', 'only findings and checks of this kind').choices(CATEGORIES))
    .addOption(new Option('--code <code>', 'only findings and the check of this code').argParser(parseCode))
    .option('--service <namespace/name>', 'only findings that concern this service')
    .option('--strict', 'exit 2 when there are warnings')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing blocking or in error, 1 findings that are, 2 only warnings under --strict (or wrong usage), 3 could not evaluate.' +
        '\nWhat a code means: clustermesh explain CODE',
    );
  return command.action(async (options: DiagnoseOptions) => {
    const { peer, severity, category, code, service, offline, output, strict = false } = options;
    if (options.now !== undefined && offline === undefined) command.error('error: --now is for --offline only');
    const filter: ReportFilter = { peer, severity, category, code, service };
    const report =
      offline === undefined
        ? await askServer(options, filter)
        : filterReport(await judgeFolder(offline, options.now ?? systemClock.now()), filter);
    if (peer !== undefined && !knows(report, peer)) throw unknownPeer(peer);
    process.stdout.write(`${render(report, output, { strict, files: offline !== undefined })}\n`);
    process.exitCode = exitCodeOf(report, strict);
  });
}

async function askServer({ server, pki }: ApiPlace, filter: ReportFilter): Promise<Report> {
  const { fetchReport } = await import('./diagnose-online.ts');
  return fetchReport({ server, pki }, filter);
}

async function judgeFolder(folder: string, now: number): Promise<Report> {
  const { offlineReport } = await import('./offline/report.ts');
  return offlineReport(folder, now);
}

interface Rendering {
  readonly strict: boolean;
  /** The findings are about files of a folder. */
  readonly files: boolean;
}

function render(report: Report, output: Format, { strict, files }: Rendering): string {
  switch (output) {
    case 'json':
      return JSON.stringify(report, undefined, 2);
    case 'junit':
      return renderJunit(report, { strict });
    case 'sarif':
      return renderSarif(report, { files });
    case 'table':
      return renderReport(report, { width: outputWidth(), colours: outputColours() });
  }
}

/** A name that nobody has would find nothing, which must not look like health. */
const knows = (report: Report, peer: string): boolean =>
  report.cluster === peer || report.peers.some(({ name }) => name === peer) || report.findings.length > 0;

const unknownPeer = (peer: string): OperationalError =>
  new OperationalError({
    code: 'DIAGNOSE_UNKNOWN_PEER',
    operation: 'diagnose',
    subject: peer,
    reason: 'no cluster of this name is known there',
    hint: 'clustermesh status lists the peers',
  });

function parseNow(text: string): number {
  const time = parseTime(text);
  if (!time.ok) throw new InvalidArgumentError(time.error);
  return time.value;
}

function parseCode(text: string): string {
  const code = text.toUpperCase();
  if (!CATALOGUE.has(code)) throw new InvalidArgumentError('there is no such code; clustermesh explain lists them.');
  return code;
}

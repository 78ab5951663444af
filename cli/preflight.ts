// `clustermesh preflight`: whether this host can run the eBPF datapath, and what to do where it cannot.

import { Command } from 'commander';
import { isObstacle } from '../agent/preflight/checks.ts';
import type { PreflightCheck } from '../agent/preflight/verdict.ts';
import { coloursFor } from '../runtime/colours.ts';
import { type OutputFormat, outputOption, print } from './options.ts';

interface PreflightFlags {
  readonly output: OutputFormat;
  readonly pinDir?: string;
  readonly cgroup?: string;
}

interface PreflightDocument {
  readonly schema_version: 1;
  /** Nothing that the datapath needs is missing. */
  readonly passed: boolean;
  readonly checks: readonly PreflightCheck[];
}

export function preflightCommand(): Command {
  return new Command('preflight')
    .description('check what the eBPF datapath needs of this host; exit 1 when something is missing')
    .option('--pin-dir <folder>', 'where maps and links are to be pinned, on a bpffs')
    .option('--cgroup <folder>', 'the cgroup v2 folder to attach to')
    .addOption(outputOption())
    .action(async ({ output, pinDir, cgroup }: PreflightFlags) => {
      const { runPreflight } = await import('../agent/preflight/index.ts');
      const checks = runPreflight({
        ...(pinDir === undefined ? {} : { pinDir }),
        ...(cgroup === undefined ? {} : { cgroup }),
      });
      const document: PreflightDocument = {
        schema_version: 1,
        passed: !checks.some(isObstacle),
        checks,
      };
      print(output, document, renderPreflight);
      if (!document.passed) process.exitCode = 1;
    });
}

export function renderPreflight({ checks }: PreflightDocument): string {
  const { green, red, yellow } = coloursFor(process.stdout, process.env);
  const paint = { passed: green, failed: red, unknown: yellow };
  return together(checks)
    .flatMap(({ status, title, reason, remedy }) => [
      `${paint[status](status.padEnd(7))}  ${title}${reason === undefined ? '' : `: ${reason}`}`,
      ...(status === 'passed' || remedy === undefined ? [] : [`         → ${remedy}`]),
    ])
    .join('\n');
}

/** Checks of one kind of which the same is to be said, `helper:…`, are one line: without capabilities that is all of them. */
function together(checks: readonly PreflightCheck[]): readonly PreflightCheck[] {
  const lines: PreflightCheck[] = [];
  for (const check of checks) {
    const [kind, name] = check.id.split(':');
    const last = lines.at(-1);
    if (name === undefined || kind === undefined) lines.push(check);
    else if (last !== undefined && last.id === kind && isSaidAlike(last, check))
      lines[lines.length - 1] = { ...last, title: `${last.title}, ${name}` };
    else lines.push({ ...check, id: kind });
  }
  return lines;
}

const isSaidAlike = (a: PreflightCheck, b: PreflightCheck): boolean =>
  a.status === b.status && a.reason === b.reason && a.remedy === b.remedy;

// `clustermesh explain`: what a code means, from the page that ships with the program: how it arises, what it does, how to confirm
// and how to fix it. Without a code, the list of all.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { CATALOGUE, type CatalogueRow } from '../mesh/conflict/catalogue.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import { type OutputFormat, outputOption, print } from './options.ts';
import { table } from './table.ts';

export function explainCommand(): Command {
  return new Command('explain')
    .description('say what a code means and what to do, or list all codes; exit 1 when there is no such code')
    .argument('[code]', 'as in a finding: CM-CIDR-001')
    .addOption(outputOption())
    .action(async (given: string | undefined, { output }: { readonly output: OutputFormat }) => {
      if (given === undefined) {
        print(output, { schema_version: 1, codes: [...CATALOGUE.values()].map(summaryOf) }, ({ codes }) =>
          table(
            ['CODE', 'SEVERITY', 'WHAT'],
            codes.map(({ code, severity, title }) => [code, severity, title]),
          ),
        );
        return;
      }
      const code = given.toUpperCase();
      const entry = entryOf(code, await readFindings());
      if (entry === undefined) {
        process.stderr.write(`clustermesh: ${unknownCode(given)}\n`);
        process.exitCode = 1;
        return;
      }
      const known = CATALOGUE.get(code);
      const about = known === undefined ? { code, severity: null, category: null, title: null } : summaryOf(known);
      print(output, { schema_version: 1, ...about, text: entry }, ({ severity, text }) =>
        [`${code}${severity === null ? '' : ` (${severity})`}`, text].join('\n\n'),
      );
    });
}

/** Errors have codes too, which are looked for here by whoever meets one first. */
function unknownCode(given: string): string {
  if (/^[A-Z]+(_[A-Z0-9]+)+$/.test(given)) {
    return `${given} is the code of an error, not of a finding: see "When something is wrong" in docs/operations.md`;
  }
  return `there is no code ${given}; the nearest are ${nearestCodes(given.toUpperCase()).join(', ')}`;
}

const summaryOf = ({ code, severity, category, title }: CatalogueRow) => ({ code, severity, category, title });

async function readFindings(): Promise<string> {
  const path = join(packageRoot(), 'docs/findings.md');
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new OperationalError({
      code: 'EXPLAIN_PAGE',
      operation: 'read the page of findings',
      subject: path,
      reason: reasonOf(cause),
      hint: 'it is part of the package: install it whole',
      cause,
    });
  }
}

/** The section of the page under the code, without its heading. */
function entryOf(code: string, page: string): string | undefined {
  const lines = page.split('\n');
  const start = lines.indexOf(`## ${code}`);
  if (start < 0) return undefined;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => /^##? /.test(line));
  const body = rest.slice(0, end < 0 ? undefined : end).join('\n');
  return body.replaceAll('**', '').trim();
}

const NEAREST_SHOWN = 3;

/** By the number of letters to change; `CIDR-1` is near to CM-CIDR-001. */
export function nearestCodes(code: string): readonly string[] {
  return [...CATALOGUE.keys()]
    .map((known) => ({ known, distance: distance(code, known) }))
    .sort((a, b) => a.distance - b.distance || (a.known < b.known ? -1 : 1))
    .slice(0, NEAREST_SHOWN)
    .map(({ known }) => known);
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [row, letter] of [...a].entries()) {
    const current = [row + 1];
    for (const [column, other] of [...b].entries()) {
      const above = previous[column + 1] ?? 0;
      const left = current[column] ?? 0;
      const diagonal = previous[column] ?? 0;
      current.push(Math.min(above + 1, left + 1, diagonal + (letter === other ? 0 : 1)));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

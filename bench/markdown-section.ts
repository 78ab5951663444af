// Puts the results of a benchmark into docs/performance.md: each benchmark owns the text between its two marks, and a run replaces
// nothing else.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../runtime/package-root.ts';

const DOCUMENT = 'docs/performance.md';
const HEAD = '# Performance\n\nWritten by the benchmarks in bench/, each its own section.\n';

export const machineLine = (command: string): string =>
  `\`${command}\` on ${cpus()[0]?.model ?? 'an unknown processor'}, ${cpus().length} processors, Linux ${release()}, Node ${process.version}.`;

export function writeSection(name: string, body: string): void {
  const path = join(packageRoot(), DOCUMENT);
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const before = existsSync(path) ? readFileSync(path, 'utf8') : HEAD;
  const section = `${begin}\n${body.trim()}\n${end}`;
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  const after =
    from < 0 || to < from
      ? `${before.trimEnd()}\n\n${section}\n`
      : before.slice(0, from) + section + before.slice(to + end.length);
  writeFileSync(path, after);
}

/** The path of a figure, from the document. */
export function writeFigure(name: string, svg: string): string {
  const path = join(packageRoot(), 'docs/performance', `${name}.svg`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, svg);
  return `performance/${name}.svg`;
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

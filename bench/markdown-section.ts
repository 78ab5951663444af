// Puts the results of a benchmark into its document, which is docs/performance.md for most: each benchmark owns the text between its
// two marks, and a run replaces nothing else.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { packageRoot } from '../runtime/package-root.ts';

export type Document = 'docs/performance.md' | 'docs/scaling.md';
const USUAL: Document = 'docs/performance.md';
const HEAD = '# Performance\n\nWritten by the benchmarks in bench/, each its own section.\n';

export const machineLine = (command: string): string =>
  `\`${command}\` on ${cpus()[0]?.model ?? 'an unknown processor'}, ${cpus().length} processors, Linux ${release()}, Node ${process.version}.`;

export function writeSection(name: string, body: string, document = USUAL): void {
  const path = join(packageRoot(), document);
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

/** Into the folder that is named like the document. The path of the figure, from there. */
export function writeFigure(name: string, svg: string, document = USUAL): string {
  const folder = basename(document, '.md');
  const path = join(packageRoot(), 'docs', folder, `${name}.svg`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, svg);
  return `${folder}/${name}.svg`;
}

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

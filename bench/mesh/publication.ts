// Where the results of the runs go: standard output, a folder of figures, and their sections of docs/scaling.md. One size has a section
// and figures of its own; several have one of curves, and the table for sizing that follows from them.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFigure, writeSection } from '../markdown-section.ts';
import { curveFigures, curveTable } from './curve.ts';
import { type Figure, figuresOfRun } from './plots.ts';
import { markdownReport } from './report.ts';
import type { Results } from './results.ts';
import { sizingReport } from './sizing.ts';

const DOCUMENT = 'docs/scaling.md';

/** A single run has a story over time; several are compared. */
const figuresOf = (all: readonly Results[]): readonly Figure[] =>
  all.length === 1 ? all.flatMap(figuresOfRun) : curveFigures(all);

export const textReport = (all: readonly Results[]): string =>
  [...all.map(markdownReport), ...(all.length === 1 ? [] : [curveTable(all)]), sizingReport(all)].join('\n\n');

export function writePlots(folder: string, all: readonly Results[]): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, svg } of figuresOf(all)) writeFileSync(join(folder, `${name}.svg`), svg);
}

/** `how`: with what, and on which machine. */
export function writeDocument(how: string, all: readonly Results[]): void {
  const figures = figuresOf(all).map(({ name, says, svg }) => `![${says}](${writeFigure(name, svg, DOCUMENT)})`);
  const write = (name: string, ...parts: readonly string[]) => writeSection(name, parts.join('\n\n'), DOCUMENT);
  const [only, ...others] = all;
  if (only !== undefined && others.length === 0) {
    write('mesh', `## A run with ${only.size.clusters} clusters`, how, markdownReport(only), ...figures);
    return;
  }
  write('mesh curve', '## Over the size of the mesh', how, curveTable(all), ...figures);
  write('mesh sizing', how, sizingReport(all));
}

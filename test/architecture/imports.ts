// Reads which file imports which, so that the rules of rules.ts can be checked. Works on the text of import and export
// statements and of dynamic imports; it does not resolve packages.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

export const FOLDERS = ['agent', 'apiserver', 'bench', 'cli', 'demo', 'lab', 'mesh', 'pki', 'runtime', 'test'];

export interface SourceFile {
  /** Relative to the root, with forward slashes: `mesh/model/names.ts`. */
  readonly path: string;
  readonly text: string;
  /** Relative imports as paths from the root; packages as they are written. */
  readonly imports: readonly string[];
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;

export function readSources(): readonly SourceFile[] {
  return FOLDERS.filter((folder) => existsSync(join(ROOT, folder)))
    .flatMap((folder) => filesBelow(folder))
    .map((path) => {
      const text = readFileSync(join(ROOT, path), 'utf8');
      const imports = [...text.matchAll(IMPORT)].map((found) => found[1] ?? found[2] ?? found[3] ?? '');
      return { path, text, imports: imports.map((target) => resolveImport(path, target)) };
    });
}

export const isTest = (path: string): boolean => /\.test\.ts$|\/contract\.ts$/.test(path);

function resolveImport(from: string, target: string): string {
  return target.startsWith('.') ? normalize(join(dirname(from), target)) : target;
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('/gen/'));
}

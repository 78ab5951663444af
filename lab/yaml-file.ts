// A YAML document as a person would write it, replaced as a whole.

import { renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'yaml';

export function writeYaml(path: string, value: unknown): void {
  // A leading dot: whoever watches the folder does not read it.
  const written = join(dirname(path), `.${basename(path)}`);
  // Values that occur twice are written twice: programs refuse aliases.
  writeFileSync(written, stringify(value, { aliasDuplicateObjects: false }));
  renameSync(written, path);
}

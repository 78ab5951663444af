// The version of this software, from the package that it is shipped in.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from './package-root.ts';

export const SOFTWARE_VERSION: string = String(
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: unknown }).version,
);

// Where this package stands on disk, whether it runs compiled (dist/) or from its sources: for what ships beside the code,
// such as the compiled BPF objects.

import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at;
    if (at === dirname(at)) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`);
  }
}

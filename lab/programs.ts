// The compiled programs that the lab starts: `npm run build` makes them.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OperationalError } from '../runtime/errors.ts';
import { packageRoot } from '../runtime/package-root.ts';
import type { CommandLine } from './place.ts';

export type Program = 'cli/main' | 'lab/backend' | 'lab/client';

export function programLine(program: Program, args: readonly string[]): CommandLine {
  const file = join(packageRoot(), 'dist', `${program}.js`);
  if (!existsSync(file)) {
    throw new OperationalError({
      code: 'LAB_NOT_BUILT',
      operation: 'start program',
      subject: file,
      reason: 'it does not exist',
      hint: 'run npm run build',
    });
  }
  return { command: process.execPath, args: [file, ...args] };
}

// Whether a program can be found on the PATH: live tests skip without it on a developer's machine, and fail under CI.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

export function isInstalled(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** For `describe.skipIf`. */
export const skippedWithout = (...commands: readonly string[]): boolean =>
  process.env.CI === undefined && !commands.every(isInstalled);

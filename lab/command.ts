// Runs a short system command to its end (ip, mount): what it says on standard error is the reason of the failure.

import { execFile } from 'node:child_process';
import { OperationalError } from '../runtime/errors.ts';

/** None of these waits for anything but the kernel. */
const TIMEOUT_MS = 20_000;

/** Resolves with standard output. */
export function runCommand(command: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 }, (error, out, said) => {
      if (error === null) resolve(out);
      else reject(failed(command, args, said.trim() || error.message, error));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

function failed(command: string, args: readonly string[], reason: string, cause: unknown): OperationalError {
  return new OperationalError({
    code: 'LAB_COMMAND_FAILED',
    operation: 'run',
    subject: [command, ...args].join(' '),
    reason,
    hint: `it needs root, and ${command} on the PATH`,
    cause,
  });
}

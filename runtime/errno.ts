// The text of an error number, as the system itself names it: `EPERM, operation not permitted`.

import { getSystemErrorMap } from 'node:util';

/** `errno` is positive. */
export function errnoText(errno: number): string {
  const known = getSystemErrorMap().get(-errno);
  return known === undefined ? `errno ${errno}` : `${known[0]}, ${known[1]}`;
}

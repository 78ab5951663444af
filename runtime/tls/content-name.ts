// A short name for texts that are too large, or too secret, to be kept as the key of a map.

import { createHash } from 'node:crypto';

/** The same for the same texts in the same order, and for no others. */
export function contentName(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}\n`).update(text);
  return hash.digest('base64');
}

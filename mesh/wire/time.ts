// Points in time as stored values carry them: RFC 3339. Read strictly: JavaScript's own parser takes many other texts, and
// reads those without a zone in that of the machine.

import { err, ok, type Result } from '../model/result.ts';
import { encodeText } from './json.ts';

const RFC_3339 = /^\d{4}-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since the epoch. */
export function parseTime(text: string): Result<number, string> {
  if (!RFC_3339.test(text)) return err('not an RFC 3339 time');
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? err('not a time that exists') : ok(epochMs);
}

/** `2026-01-01T00:00:00Z`: whole seconds, as Go's RFC3339 layout writes them. */
export const formatTime = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 19)}Z`;

export const encodeTime = (epochMs: number): Uint8Array => encodeText(formatTime(epochMs));

// STABLE: `clustermesh/v1/findings/since`: since when each finding is there, by fingerprint, so that the dates outlive the process. Findings
// themselves are not stored: every replica computes them. What is lost or cannot be read costs the date and nothing else. Not
// visible to peers.

import { decodeObject, encodeText } from './json.ts';
import { parseTime } from './time.ts';

export const FINDING_DATES_KEY = 'clustermesh/v1/findings/since';

/** More than any person reads; about 60 bytes each, so that the value stays far below what etcd takes. */
export const FINDING_DATES_MAX = 5_000;
const VALUE_BYTES_MAX = 1024 * 1024;
/** Ours are 16 digits, or a few words. */
const FINGERPRINT_LENGTH_MAX = 200;

/** The oldest where there are too many: theirs are the dates that say most. The same dates are the same bytes. */
export function encodeFindingDates(dates: ReadonlyMap<string, number>): Uint8Array {
  const oldest = [...dates].sort(([a, x], [b, y]) => x - y || (a < b ? -1 : 1)).slice(0, FINDING_DATES_MAX);
  const since = Object.fromEntries(oldest.map(([fingerprint, at]) => [fingerprint, new Date(at).toISOString()]));
  return encodeText(JSON.stringify({ since }));
}

/** What of it can be read. */
export function decodeFindingDates(bytes: Uint8Array): ReadonlyMap<string, number> {
  const dates = new Map<string, number>();
  const object = decodeObject(bytes, VALUE_BYTES_MAX);
  const since = object.ok ? object.value.since : undefined;
  if (typeof since !== 'object' || since === null) return dates;
  for (const [fingerprint, text] of Object.entries(since).slice(0, FINDING_DATES_MAX)) {
    if (fingerprint.length > FINGERPRINT_LENGTH_MAX || typeof text !== 'string') continue;
    const at = parseTime(text);
    if (at.ok) dates.set(fingerprint, at.value);
  }
  return dates;
}

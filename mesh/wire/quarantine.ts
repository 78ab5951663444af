// STABLE: `clustermesh/v1/quarantine/<peer>/<the peer's own key>`, JSON: a record that admission withheld, with why. Nothing
// that a peer said is lost; releasing it is moving it. Not visible to peers.

import type { ClusterName } from '../model/names.ts';
import { ok, type Result } from '../model/result.ts';
import { decodeShaped, encodeShaped, list, object, required, text } from './json-shape.ts';
import { VALUE_BYTES_MAX } from './record.ts';

export interface QuarantinedRecord {
  /** The peer's own key. */
  readonly key: string;
  /** Base64 of the bytes as the peer wrote them; cut where they are larger than a value may be. */
  readonly value: string;
  /** Fingerprints of the findings that withhold it. */
  readonly findings: readonly string[];
  readonly codes: readonly string[];
  /** One line: why. */
  readonly reason: string;
  /** RFC 3339 UTC. */
  readonly since: string;
}

export const QUARANTINE_PREFIX = 'clustermesh/v1/quarantine/';
/** The wrapped value is a third larger than the record, and etcd takes 1.5 MiB. */
const BYTES_MAX = 1.4 * VALUE_BYTES_MAX;

export const quarantineKey = (peer: ClusterName, key: string): string => `${QUARANTINE_PREFIX}${peer}/${key}`;

export interface QuarantineKeyParts {
  readonly peer: string;
  /** The peer's own key. */
  readonly key: string;
}

export function parseQuarantineKey(key: string): QuarantineKeyParts | undefined {
  if (!key.startsWith(QUARANTINE_PREFIX)) return undefined;
  const slash = key.indexOf('/', QUARANTINE_PREFIX.length);
  if (slash <= QUARANTINE_PREFIX.length || slash === key.length - 1) return undefined;
  return { peer: key.slice(QUARANTINE_PREFIX.length, slash), key: key.slice(slash + 1) };
}

const SHAPE = object({
  key: required(text),
  value: required(text),
  findings: required(list(text)),
  codes: required(list(text)),
  reason: required(text),
  since: required(text),
});

export const encodeQuarantined = (record: QuarantinedRecord): Uint8Array => encodeShaped(record, SHAPE);

export function decodeQuarantined(bytes: Uint8Array): Result<QuarantinedRecord, string> {
  const read = decodeShaped(bytes, SHAPE, BYTES_MAX);
  return read.ok ? ok(read.value as unknown as QuarantinedRecord) : read;
}

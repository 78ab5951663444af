// STABLE: `clustermesh/v1/quarantine/<peer>/<the peer's own key>`, JSON: a record that admission withheld, with why. Nothing
// that a peer said is lost; releasing it is moving it. Not visible to peers.

import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { checkFields, decodeObject, encodeObject } from './json.ts';
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

export const encodeQuarantined = (record: QuarantinedRecord): Uint8Array =>
  encodeObject(record, ['key', 'value', 'findings', 'codes', 'reason', 'since']);

export function decodeQuarantined(bytes: Uint8Array): Result<QuarantinedRecord, string> {
  const object = decodeObject(bytes, BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, {
    key: 'string',
    value: 'string',
    findings: 'array',
    codes: 'array',
    reason: 'string',
    since: 'string',
  });
  return wrong === undefined ? ok(object.value as unknown as QuarantinedRecord) : err(wrong);
}

// STABLE: `clustermesh/v1/peers/<peer>`, JSON: what this cluster's leader knows of a peer's freshness, so that every replica
// merges alike. Not visible to peers.

import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { checkFields, decodeObject, encodeObject } from './json.ts';

export type PeerFreshnessName = 'fresh' | 'ageing' | 'stale' | 'expired';

export interface PeerRecord {
  readonly name: string;
  /** Absent while the peer's id is not known. */
  readonly id?: number;
  readonly freshness: PeerFreshnessName;
  /** What is cached of the peer is complete. */
  readonly synced: boolean;
}

export const PEERS_PREFIX = 'clustermesh/v1/peers/';
const BYTES_MAX = 64 * 1024;

export const peerRecordKey = (peer: ClusterName): string => `${PEERS_PREFIX}${peer}`;

export const encodePeerRecord = (record: PeerRecord): Uint8Array =>
  encodeObject(record, ['name', 'id', 'freshness', 'synced']);

export function decodePeerRecord(bytes: Uint8Array): Result<PeerRecord, string> {
  const object = decodeObject(bytes, BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, { name: 'string', id: 'number?', freshness: 'string', synced: 'boolean' });
  if (wrong !== undefined) return err(wrong);
  const { freshness } = object.value;
  const known = ['fresh', 'ageing', 'stale', 'expired'].includes(String(freshness));
  return known ? ok(object.value as unknown as PeerRecord) : err(`freshness "${freshness}" is unknown`);
}

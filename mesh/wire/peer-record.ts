// STABLE: `clustermesh/v1/peers/<peer>`, JSON: what this cluster's leader knows of a peer's freshness, so that every replica
// merges alike. Not visible to peers.

import type { ClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import { decodeShaped, encodeShaped, flag, object, optional, required, text, whole } from './json-shape.ts';
import { UINT32_MAX } from './record.ts';

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

const SHAPE = object({
  name: required(text),
  id: optional(whole(UINT32_MAX)),
  freshness: required(text),
  synced: required(flag),
});
const FRESHNESS: readonly unknown[] = ['fresh', 'ageing', 'stale', 'expired'] satisfies readonly PeerFreshnessName[];

export const encodePeerRecord = (record: PeerRecord): Uint8Array => encodeShaped(record, SHAPE);

export function decodePeerRecord(bytes: Uint8Array): Result<PeerRecord, string> {
  const read = decodeShaped(bytes, SHAPE, BYTES_MAX);
  if (!read.ok) return read;
  const { freshness, id } = read.value;
  if (!FRESHNESS.includes(freshness)) return err(`freshness "${freshness}" is unknown`);
  if (id === null) return err('id is null');
  return ok(read.value as unknown as PeerRecord);
}

/** The peer that a key of this type names, as it stands there. */
export function parsePeerRecordKey(key: string): string | undefined {
  return key.startsWith(PEERS_PREFIX) && key.length > PEERS_PREFIX.length ? key.slice(PEERS_PREFIX.length) : undefined;
}

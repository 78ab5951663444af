// STABLE: reads the rows in which the programs keep which backend a client of a service was last sent to. Nobody but the
// programs writes them, and nobody removes them: see bpf/include/affinity.h.

import type { Family } from '../../mesh/model/address.ts';
import { byte, host32, network16 } from './bytes.ts';
import type { MapRow } from './port.ts';
import { AFFINITY_KEY, AFFINITY_VALUE } from './structs.ts';

export interface AffinityRow {
  /** The cookie of the client's network namespace. */
  readonly client: bigint;
  readonly serviceId: number;
  readonly backendId: number;
  /** In seconds since the machine started. */
  readonly lastUsed: number;
}

const BY_NETNS = 1;

/** Undefined for a row that the programs would not write. */
export function parseAffinityRow({ key, value }: MapRow, family: Family): AffinityRow | undefined {
  const { size, offsets: at } = AFFINITY_KEY[family];
  if (key.length !== size || value.length !== AFFINITY_VALUE.size) return undefined;
  if (byte(key, at.client_kind) !== BY_NETNS) return undefined;
  const long = (bytes: Uint8Array, offset: number) =>
    new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(offset, true);
  return {
    client: long(key, at.client),
    serviceId: network16(key, at.rev_nat_id),
    backendId: host32(value, AFFINITY_VALUE.offsets.backend_id),
    lastUsed: Number(long(value, AFFINITY_VALUE.offsets.last_used)),
  };
}

// The port to a node's service maps: rows of bytes, map by map. Adapters: kernel maps (agent/datapath), memory
// (agent/maps/memory.ts). Both pass the same contract suite. What the bytes mean is layout.ts.

import type { Family } from '../../mesh/model/address.ts';
import type { MapRow, PackedRows, RowSizes } from './packed.ts';

export type { MapRow };

/** What a map is for; there is one for each family. */
export type MapRole = 'services' | 'backends' | 'reverseNat';
/** Our maps: those of IPv4 have the names of their roles. The bytes follow Cilium's layouts; see reference in bpf/include/. */
export type MapName = MapRole | `${MapRole}6`;
export const MAP_NAMES: readonly MapName[] = [
  'services',
  'backends',
  'reverseNat',
  'services6',
  'backends6',
  'reverseNat6',
];

export const mapNameOf = (role: MapRole, family: Family): MapName => (family === 4 ? role : `${role}6`);

/** Something for every map. */
export const forEachMap = <T>(of: (map: MapName) => T): Record<MapName, T> => ({
  services: of('services'),
  backends: of('backends'),
  reverseNat: of('reverseNat'),
  services6: of('services6'),
  backends6: of('backends6'),
  reverseNat6: of('reverseNat6'),
});

/** A batch that stopped: `applied` rows from the front are in the map, the rest is not. */
export interface BatchOutcome {
  readonly applied: number;
  /** Absent when all rows were applied. */
  readonly failure?: { readonly code: 'MAP_FULL' | 'MAP_FAILED'; readonly reason: string; readonly errno: number };
}

export interface MapInfo extends RowSizes {
  readonly maxEntries: number;
}

/** How full a map is that the programs write. */
export interface ProgramMapUse {
  /** `reverseSockets`, `affinity6`, `counters` … */
  readonly map: string;
  readonly entries: number;
  readonly size: number;
}

/** Whose the addresses of peers' pods are, found by the longest prefix. What the bytes mean is address-row.ts. */
export interface AddressMap {
  readonly size: number;
  /** Every row, some at a time. */
  chunks(): AsyncIterable<readonly MapRow[]>;
  /** Inserts or overwrites, in the order given. */
  update(rows: readonly MapRow[]): Promise<BatchOutcome>;
  /** Deletes, in the order given; a key that is absent is no failure. */
  remove(keys: readonly Uint8Array[]): Promise<BatchOutcome>;
  /** The value of the longest prefix that has what the key says; undefined where none has. */
  lookup(key: Uint8Array): Uint8Array | undefined;
}

export interface ServiceMaps {
  /** 'ebpf' forwards packets; 'memory' only keeps rows. */
  readonly kind: 'ebpf' | 'memory';
  info(map: MapName): MapInfo;
  /** Every row as an object: for few of them. */
  dump(map: MapName): Promise<readonly MapRow[]>;
  /** Every row as bytes, in pieces: for many of them. */
  read(map: MapName): Promise<readonly PackedRows[]>;
  /** The rows that the programs keep of clients with session affinity; none where nothing is forwarded. */
  dumpAffinity(family: Family): Promise<readonly MapRow[]>;
  /** Counts the rows that the programs keep, map by map; no maps where nothing is forwarded. Reads every row: not to be asked often. */
  countProgramRows(): Promise<readonly ProgramMapUse[]>;
  /** Inserts or overwrites, in the order given. */
  update(map: MapName, rows: readonly MapRow[] | PackedRows): Promise<BatchOutcome>;
  /** Deletes, in the order given; a key that is absent is no failure. */
  remove(map: MapName, keys: readonly Uint8Array[]): Promise<BatchOutcome>;
  readonly addresses: AddressMap;
  /** Lets go of the maps. They, and what they forward, stay. */
  close(): void;
}

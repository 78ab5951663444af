// The port to a node's service maps: rows of bytes, map by map. Adapters: kernel maps (agent/datapath), memory
// (agent/maps/memory.ts). Both pass the same contract suite. What the bytes mean is layout.ts.

/** Our maps, by role. The bytes follow Cilium's layouts; see reference in bpf/include/. */
export type MapName = 'services' | 'backends' | 'reverseNat';
export const MAP_NAMES: readonly MapName[] = ['services', 'backends', 'reverseNat'];

export interface MapRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A batch that stopped: `applied` rows from the front are in the map, the rest is not. */
export interface BatchOutcome {
  readonly applied: number;
  /** Absent when all rows were applied. */
  readonly failure?: { readonly code: 'MAP_FULL' | 'MAP_FAILED'; readonly reason: string; readonly errno: number };
}

export interface MapInfo {
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

export interface ServiceMaps {
  /** 'ebpf' forwards packets; 'memory' only keeps rows. */
  readonly kind: 'ebpf' | 'memory';
  info(map: MapName): MapInfo;
  dump(map: MapName): Promise<readonly MapRow[]>;
  /** Inserts or overwrites, in the order given. */
  update(map: MapName, rows: readonly MapRow[]): Promise<BatchOutcome>;
  /** Deletes, in the order given; a key that is absent is no failure. */
  remove(map: MapName, keys: readonly Uint8Array[]): Promise<BatchOutcome>;
  /** Lets go of the maps. They, and what they forward, stay. */
  close(): void;
}

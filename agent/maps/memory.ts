// Service maps in memory: rows kept and bounded as the kernel would, and nothing forwarded. For `--datapath memory` and for
// tests, which can make any single row fail and see every row as it lands. Rows outlive `close`, as pinned maps do: `reopen`
// gives the next process its handle.

import { OperationalError } from '../../runtime/errors.ts';
import { MemoryAddressMap } from '../addresses/memory.ts';
import { PackedRows } from './packed.ts';
import {
  type BatchOutcome,
  forEachMap,
  type MapInfo,
  type MapName,
  type MapRow,
  type ProgramMapUse,
  type ServiceMaps,
} from './port.ts';
import { RowTable } from './row-table.ts';
import {
  BACKEND_KEY,
  BACKEND_VALUE,
  type Layout,
  REVERSE_NAT_KEY,
  REVERSE_NAT_VALUE,
  SERVICE_KEY,
  SERVICE_VALUE,
} from './structs.ts';

export interface MemoryMapsOptions {
  /** Entries per map. @default 65536 each, as Cilium's */
  readonly sizes?: Partial<Readonly<Record<MapName | 'ipcache', number>>>;
}

export type MapOperation = 'dump' | 'update' | 'remove';

/** Asked before every row, and once per dump; what it returns is how that row fails. A throw stands for a killed process. */
export type MapFault = (
  operation: MapOperation,
  map: MapName,
  key: Uint8Array | undefined,
) => BatchOutcome['failure'] | undefined;

/** Called after every row that landed; `value` is absent for a removal. */
export type RowObserver = (map: MapName, key: Uint8Array, value: Uint8Array | undefined) => void;

const SIZE_DEFAULT = 65_536;
/** What the kernel answers for a full hash map: E2BIG. */
const ERRNO_E2BIG = 7;

const shape = ({ size: keySize }: Layout, { size: valueSize }: Layout) => ({ keySize, valueSize });
const SHAPES: Readonly<Record<MapName, Pick<MapInfo, 'keySize' | 'valueSize'>>> = {
  services: shape(SERVICE_KEY[4], SERVICE_VALUE),
  backends: shape(BACKEND_KEY, BACKEND_VALUE[4]),
  reverseNat: shape(REVERSE_NAT_KEY, REVERSE_NAT_VALUE[4]),
  services6: shape(SERVICE_KEY[6], SERVICE_VALUE),
  backends6: shape(BACKEND_KEY, BACKEND_VALUE[6]),
  reverseNat6: shape(REVERSE_NAT_KEY, REVERSE_NAT_VALUE[6]),
};

interface MemoryMap extends MapInfo {
  readonly rows: RowTable;
}

export class MemoryMaps implements ServiceMaps {
  readonly kind = 'memory';
  fault: MapFault | undefined;
  observer: RowObserver | undefined;
  readonly addresses: MemoryAddressMap;
  readonly #maps: Readonly<Record<MapName, MemoryMap>>;
  #closed = false;

  constructor(
    options: MemoryMapsOptions = {},
    maps: Readonly<Record<MapName, MemoryMap>> = createMaps(options),
    addresses = new MemoryAddressMap(options.sizes?.ipcache),
  ) {
    this.#maps = maps;
    this.addresses = addresses;
  }

  /** Another handle on the same rows, without fault and observer: what a process that starts again finds. */
  reopen(): MemoryMaps {
    return new MemoryMaps({}, this.#maps, this.addresses);
  }

  info(map: MapName): MapInfo {
    const { keySize, valueSize, maxEntries } = this.#maps[map];
    return { keySize, valueSize, maxEntries };
  }

  async dump(map: MapName): Promise<readonly MapRow[]> {
    const { rows } = this.#open(map);
    const failure = this.fault?.('dump', map, undefined);
    if (failure !== undefined) throw dumpError(map, failure.reason);
    return [...rows];
  }

  async read(map: MapName): Promise<readonly PackedRows[]> {
    return [PackedRows.of(await this.dump(map), this.info(map))];
  }

  async dumpAffinity(): Promise<readonly MapRow[]> {
    return [];
  }

  async countProgramRows(): Promise<readonly ProgramMapUse[]> {
    return [];
  }

  async update(map: MapName, rows: readonly MapRow[] | PackedRows): Promise<BatchOutcome> {
    const target = this.#open(map);
    const packed = rows instanceof PackedRows ? rows : PackedRows.of(rows, target);
    for (let at = 0; at < packed.length; at += 1) {
      const key = packed.keyAt(at);
      const value = packed.valueAt(at);
      const failure = this.fault?.('update', map, key) ?? fullness(target, key);
      if (failure !== undefined) return { applied: at, failure };
      target.rows.set(key, value);
      this.observer?.(map, key, value);
    }
    return { applied: packed.length };
  }

  async remove(map: MapName, keys: readonly Uint8Array[]): Promise<BatchOutcome> {
    const target = this.#open(map);
    for (const [index, key] of keys.entries()) {
      assertKeySize(map, key, target.keySize);
      const failure = this.fault?.('remove', map, key);
      if (failure !== undefined) return { applied: index, failure };
      if (target.rows.delete(key)) this.observer?.(map, key, undefined);
    }
    return { applied: keys.length };
  }

  close(): void {
    this.#closed = true;
  }

  #open(map: MapName): MemoryMap {
    if (this.#closed) throw new Error('the maps are closed');
    return this.#maps[map];
  }
}

function createMaps({ sizes = {} }: MemoryMapsOptions): Readonly<Record<MapName, MemoryMap>> {
  return forEachMap((map) => ({ ...SHAPES[map], maxEntries: sizes[map] ?? SIZE_DEFAULT, rows: new RowTable() }));
}

/** Only a new key can find a map full. */
function fullness({ rows, maxEntries }: MemoryMap, key: Uint8Array): BatchOutcome['failure'] | undefined {
  if (rows.size < maxEntries || rows.has(key)) return undefined;
  return { code: 'MAP_FULL', reason: `all ${maxEntries} entries are in use`, errno: ERRNO_E2BIG };
}

function dumpError(map: MapName, reason: string): OperationalError {
  return new OperationalError({ code: 'MAP_FAILED', operation: 'dump map', subject: map, reason, retryable: true });
}

function assertKeySize(map: MapName, key: Uint8Array, size: number): void {
  if (key.length !== size) throw new RangeError(`${map}: a key has ${size} bytes, not ${key.length}`);
}

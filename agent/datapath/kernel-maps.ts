// The kernel's service maps behind the port: pinned maps, opened by their pins.

import type { Family } from '../../mesh/model/address.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { parseConnectedSocket } from '../maps/layout.ts';
import type { PackedRows } from '../maps/packed.ts';
import {
  type AddressMap,
  type BatchOutcome,
  forEachMap,
  MAP_NAMES,
  type MapInfo,
  type MapName,
  type MapRow,
  type ProgramMapUse,
  type ServiceMaps,
} from '../maps/port.ts';
import { KernelMap } from './kernel-map.ts';
import type { Libbpf } from './libbpf.ts';
import { forEachProgramMap, type KernelMapName, MAP_SPECS, type ProgramMapName, rowBytes } from './map-specs.ts';
import { openPinnedMap, type PinAccess } from './pinned-map.ts';
import { mapPin } from './pins.ts';
import { withBatches } from './single-calls.ts';

export class KernelMaps implements ServiceMaps {
  readonly kind = 'ebpf';
  readonly #maps: Readonly<Record<MapName, KernelMap>>;
  readonly #ofPrograms: Readonly<Record<ProgramMapName, KernelMap>>;

  readonly #ipcache: KernelMap;

  constructor(
    maps: Readonly<Record<MapName, KernelMap>>,
    ipcache: KernelMap,
    ofPrograms: Readonly<Record<ProgramMapName, KernelMap>>,
  ) {
    this.#maps = maps;
    this.#ipcache = ipcache;
    this.#ofPrograms = ofPrograms;
  }

  get addresses(): AddressMap {
    return this.#ipcache;
  }

  info(map: MapName): MapInfo {
    return this.#maps[map].info;
  }

  dump(map: MapName): Promise<readonly MapRow[]> {
    return this.#maps[map].dump();
  }

  async read(map: MapName): Promise<readonly PackedRows[]> {
    return this.#maps[map].read();
  }

  dumpAffinity(family: Family): Promise<readonly MapRow[]> {
    return this.#ofPrograms[family === 4 ? 'affinity' : 'affinity6'].dump();
  }

  async countProgramRows(): Promise<readonly ProgramMapUse[]> {
    const uses: ProgramMapUse[] = [];
    for (const [map, rows] of Object.entries(this.#ofPrograms)) {
      const entries = map === 'connectedSockets' ? await countConnected(rows) : await rows.count();
      uses.push({ map, entries, size: rows.info.maxEntries });
    }
    return uses;
  }

  update(map: MapName, rows: readonly MapRow[] | PackedRows): Promise<BatchOutcome> {
    return this.#maps[map].update(rows);
  }

  remove(map: MapName, keys: readonly Uint8Array[]): Promise<BatchOutcome> {
    return this.#maps[map].remove(keys);
  }

  close(): void {
    for (const map of MAP_NAMES) this.#maps[map].close();
    for (const map of [this.#ipcache, ...Object.values(this.#ofPrograms)]) map.close();
  }
}

/** An array has all its rows from the beginning. */
async function countConnected(rows: KernelMap): Promise<number> {
  let count = 0;
  for await (const chunk of rows.chunks()) {
    for (const { value } of chunk) if (parseConnectedSocket(value) !== undefined) count += 1;
  }
  return count;
}

/** All of them, or none and an error. */
export function openKernelMaps(calls: Libbpf, pinDir: string, access: PinAccess): KernelMaps {
  const opened: KernelMap[] = [];
  const open = (map: KernelMapName): KernelMap => {
    const kernelMap = openKernelMap(calls, pinDir, map, access);
    opened.push(kernelMap);
    return kernelMap;
  };
  try {
    return new KernelMaps(forEachMap(open), open('ipcache'), forEachProgramMap(open));
  } catch (error) {
    for (const map of opened) map.close();
    throw error;
  }
}

function openKernelMap(calls: Libbpf, pinDir: string, map: KernelMapName, access: PinAccess): KernelMap {
  const spec = MAP_SPECS[map];
  const pinned = openPinnedMap(calls, pinDir, spec, access);
  if (pinned === undefined) {
    throw new OperationalError({
      code: 'DATAPATH_PIN_MISSING',
      operation: 'open pinned map',
      subject: mapPin(pinDir, spec.name),
      reason: 'there is no such pin',
      hint: 'start the agent, which makes it, or give the folder of one that ran (datapath.pinDir)',
    });
  }
  const { keySize, maxEntries } = pinned.description;
  const valueSize = rowBytes(pinned.description, calls.possibleCpus());
  const whole = withBatches(calls, keySize, valueSize);
  return new KernelMap({ calls: whole, fd: pinned.fd, name: spec.name, info: { keySize, valueSize, maxEntries } });
}

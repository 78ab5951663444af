// Loads the compiled object around the maps that are pinned, and pins those that are not.

import { closeSync } from 'node:fs';
import type { FoundMap } from './attached-maps.ts';
import { datapathError } from './failure.ts';
import type { LoadedLibbpf } from './libbpf.ts';
import { forEachKernelMap, KERNEL_MAP_NAMES, type KernelMapName, MAP_SPECS } from './map-specs.ts';
import { type LoadedObject, loadObject } from './object.ts';
import { openPinnedMap } from './pinned-map.ts';
import { mapPin } from './pins.ts';

export interface PinnedObjectOptions {
  readonly libbpf: LoadedLibbpf;
  readonly objectPath: string;
  readonly pinDir: string;
  /** Of maps that are not pinned yet. */
  readonly sizes: Readonly<Record<KernelMapName, number>>;
  /** Receives the path of every pin that this start made. */
  readonly made: string[];
}

export async function loadPinnedObject({
  libbpf,
  objectPath,
  pinDir,
  sizes,
  made,
}: PinnedObjectOptions): Promise<LoadedObject> {
  const { calls } = libbpf;
  const pinned = new Map<KernelMapName, FoundMap>();
  try {
    for (const map of KERNEL_MAP_NAMES) {
      const found = openPinnedMap(calls, pinDir, MAP_SPECS[map], 'write');
      if (found !== undefined) pinned.set(map, found);
    }
    const object = await loadObject({
      libbpf,
      objectPath,
      maps: forEachKernelMap((map) => pinned.get(map) ?? { entries: sizes[map] }),
    });
    try {
      for (const map of KERNEL_MAP_NAMES) {
        if (pinned.has(map)) continue;
        const path = mapPin(pinDir, MAP_SPECS[map].name);
        const status = calls.pin(object.mapFd(map), path);
        if (status < 0) throw datapathError({ step: 'pin', subject: path, errno: -status });
        made.push(path);
      }
    } catch (error) {
      object.close();
      throw error;
    }
    return object;
  } finally {
    for (const { fd } of pinned.values()) closeSync(fd);
  }
}

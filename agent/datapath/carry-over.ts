// Gives a node the maps that this version and its configuration ask for, with the rows of those that it has: when a size or a
// layout has changed, and when a pin does not lead to what forwards. Nobody is refused or misled meanwhile:
//
//   1. new maps are made and filled; nothing uses them yet;
//   2. the pins are led to them, each in one step;
//   3. programs around them take the place of those around the old maps, each in one step: first those that translate back, which
//      look into the old maps for what they miss, then those that connect;
//   4. what the old programs wrote since step 1 follows.
//
// The caller then loads the programs once more, which look into one map again. Killed between any two steps, the node goes on
// forwarding, and the next start finds by the attached programs what is still to be done.

import { closeSync, existsSync, renameSync, unlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../../runtime/log.ts';
import { type FoundMap, openAttachedMaps } from './attached-maps.ts';
import { datapathError } from './failure.ts';
import type { FormerLayouts } from './former-layouts.ts';
import { describeMap } from './kernel-info.ts';
import { KernelMap } from './kernel-map.ts';
import type { LoadedLibbpf } from './libbpf.ts';
import { attachPrograms } from './links.ts';
import { type MapPlan, planMap, type Source } from './map-plan.ts';
import { forEachKernelMap, KERNEL_MAP_NAMES, type KernelMapName, LRU_HASH, MAP_SPECS, rowBytes } from './map-specs.ts';
import { type LoadedObject, loadObject } from './object.ts';
import { findPinnedMap, mapMismatch } from './pinned-map.ts';
import { mapPin, nextMapPin } from './pins.ts';
import { withBatches } from './single-calls.ts';

export interface CarryOverOptions {
  readonly libbpf: LoadedLibbpf;
  readonly objectPath: string;
  readonly pinDir: string;
  readonly cgroup: string;
  readonly sizes: Readonly<Record<KernelMapName, number>>;
  readonly formers: FormerLayouts;
  readonly log: Log;
  /** Receives the path of every pin of a link that this start made. */
  readonly made: string[];
}

/** A program that was called before it was replaced has ended by then: it takes microseconds. */
const PROGRAMS_END_MS = 20;
/** The kernel hands out free rows of an LRU map to its CPUs in lots of this size, and evicts when it has none left. */
const LRU_LOT = 128;
/** BPF_NOEXIST. */
const ONLY_IF_ABSENT = 1;

export async function carryOver(options: CarryOverOptions): Promise<void> {
  const { libbpf, pinDir } = options;
  const attached = openAttachedMaps(libbpf.calls, pinDir);
  const pinned = new Map<KernelMapName, FoundMap>();
  try {
    for (const map of KERNEL_MAP_NAMES) {
      const next = nextMapPin(pinDir, MAP_SPECS[map].name);
      if (existsSync(next)) unlinkSync(next);
      const found = findPinnedMap(libbpf.calls, pinDir, MAP_SPECS[map], 'write');
      if (found !== undefined) pinned.set(map, found);
    }
    const plans = new Map<KernelMapName, MapPlan>();
    for (const map of KERNEL_MAP_NAMES) {
      const { name } = MAP_SPECS[map];
      const found = {
        pinned: pinned.get(map),
        attached: attached.filter(({ description }) => description.name === name),
      };
      const plan = await planWhatFits(options, map, found);
      if (plan !== undefined) plans.set(map, plan);
    }
    if (plans.size > 0) await new CarryOver(options, pinned, plans).run();
  } finally {
    for (const { fd } of [...attached, ...pinned.values()]) closeSync(fd);
  }
}

/** A size that the rows do not fit is not taken: the map keeps the size it has. */
async function planWhatFits(
  { libbpf, pinDir, sizes, formers, log }: CarryOverOptions,
  map: KernelMapName,
  found: Parameters<typeof planMap>[2],
): Promise<MapPlan | undefined> {
  const spec = MAP_SPECS[map];
  const plan = (entries: number) => {
    const planned = planMap(spec, entries, found, formers[map]);
    if (!planned.ok) throw mapMismatch(mapPin(pinDir, spec.name), planned.error);
    return planned.value;
  };
  const wanted = plan(sizes[map]);
  const current = wanted?.sources[0]?.map;
  if (typeof wanted?.target !== 'number' || current === undefined) return wanted;
  const size = current.description.maxEntries;
  if (wanted.target >= size) return wanted;
  const room = wanted.target - (spec.type === LRU_HASH ? LRU_LOT * libbpf.calls.possibleCpus() : 0);
  const rows = await countRows(libbpf, current);
  if (rows <= room) return wanted;
  log.warn('map keeps its size: its rows do not fit the one wanted', {
    map: spec.name,
    rows,
    size,
    wanted: wanted.target,
  });
  return plan(size);
}

class CarryOver {
  readonly #options: CarryOverOptions;
  readonly #pinned: ReadonlyMap<KernelMapName, FoundMap>;
  readonly #plans: ReadonlyMap<KernelMapName, MapPlan>;

  constructor(
    options: CarryOverOptions,
    pinned: ReadonlyMap<KernelMapName, FoundMap>,
    plans: ReadonlyMap<KernelMapName, MapPlan>,
  ) {
    this.#options = options;
    this.#pinned = pinned;
    this.#plans = plans;
  }

  async run(): Promise<void> {
    const { libbpf, pinDir, cgroup, log, made } = this.#options;
    const object = await this.#load();
    try {
      for (const [map, { target, sources }] of this.#plans) {
        if (typeof target === 'number') await this.#fill(map, object, sources);
      }
      for (const map of KERNEL_MAP_NAMES) this.#pin(map, object);
      attachPrograms({ calls: libbpf.calls, pinDir, cgroup, log, made }, object.programs);
      await sleep(PROGRAMS_END_MS);
      for (const [map, { sources }] of this.#plans) {
        if (MAP_SPECS[map].writer === 'programs') await this.#follow(map, object, sources);
      }
    } finally {
      object.close();
    }
  }

  #load(): Promise<LoadedObject> {
    const { libbpf, objectPath, sizes } = this.#options;
    const maps = forEachKernelMap((map) => {
      const target = this.#plans.get(map)?.target ?? this.#pinned.get(map) ?? sizes[map];
      return typeof target === 'number' ? { entries: target } : target;
    });
    const before: Partial<Record<KernelMapName, number>> = {};
    for (const [map, { sources }] of this.#plans) {
      const { keySize, valueSize } = MAP_SPECS[map];
      const likewise = sources.find(
        ({ map: { description } }) => description.keySize === keySize && description.valueSize === valueSize,
      );
      if (likewise !== undefined) before[map] = likewise.map.fd;
    }
    return loadObject({ libbpf, objectPath, maps, before });
  }

  /** The source that counts comes last: its rows stand. */
  async #fill(map: KernelMapName, object: LoadedObject, sources: readonly Source[]): Promise<void> {
    const { libbpf, log } = this.#options;
    const { name } = MAP_SPECS[map];
    const target = this.#target(map, object);
    let rows = 0;
    for (const { map: from, convert } of [...sources].reverse()) {
      for await (const chunk of rowsOf(libbpf, from).chunks()) {
        const converted = chunk.map(convert).filter((row) => row !== undefined);
        const { failure, applied } = await target.update(converted);
        if (failure !== undefined) throw datapathError({ step: 'fill map', subject: name, errno: failure.errno });
        rows += applied;
      }
    }
    const from = sources[0]?.map.description;
    log.info('map was made anew with the rows it had', {
      map: name,
      rows,
      before: from?.maxEntries,
      size: target.info.maxEntries,
    });
  }

  #target(map: KernelMapName, object: LoadedObject): KernelMap {
    const { libbpf } = this.#options;
    const fd = object.mapFd(map);
    const description = describeMap(libbpf.calls, fd);
    if (description === undefined) throw new Error(`the map ${map} of the loaded object is not one`);
    return rowsOf(libbpf, { fd, description });
  }

  #pin(map: KernelMapName, object: LoadedObject): void {
    const {
      libbpf: { calls },
      pinDir,
      log,
    } = this.#options;
    const plan = this.#plans.get(map);
    const pinned = this.#pinned.get(map);
    const target = plan?.target ?? pinned ?? 0;
    if (typeof target !== 'number' && target.description.id === pinned?.description.id) return;
    const { name } = MAP_SPECS[map];
    const next = nextMapPin(pinDir, name);
    const status = calls.pin(object.mapFd(map), next);
    if (status < 0) throw datapathError({ step: 'pin', subject: next, errno: -status });
    renameSync(next, mapPin(pinDir, name));
    if (typeof target !== 'number') log.warn('pin did not lead to the map that forwards: put right', { map: name });
  }

  /** Only what is absent: what the target has, the programs of now wrote. */
  async #follow(map: KernelMapName, object: LoadedObject, sources: readonly Source[]): Promise<void> {
    const { libbpf } = this.#options;
    const fd = object.mapFd(map);
    const present = new Set<string>();
    for await (const chunk of this.#target(map, object).chunks()) for (const { key } of chunk) present.add(nameOf(key));
    for (const { map: from, convert } of sources) {
      for await (const chunk of rowsOf(libbpf, from).chunks()) {
        for (const row of chunk.map(convert)) {
          if (row === undefined || present.has(nameOf(row.key))) continue;
          // A failure means that it came meanwhile, or has been evicted by what came: both are well.
          libbpf.calls.update(fd, row.key, row.value, ONLY_IF_ABSENT);
        }
      }
    }
  }
}

const nameOf = (key: Uint8Array): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');

async function countRows(libbpf: LoadedLibbpf, found: FoundMap): Promise<number> {
  let count = 0;
  for await (const chunk of rowsOf(libbpf, found).chunks()) count += chunk.length;
  return count;
}

/** Not to be closed: the descriptor is another's. */
function rowsOf({ calls }: LoadedLibbpf, { fd, description }: FoundMap): KernelMap {
  const { name, keySize, maxEntries } = description;
  const valueSize = rowBytes(description, calls.possibleCpus());
  return new KernelMap({
    calls: withBatches(calls, keySize, valueSize),
    fd,
    name,
    info: { keySize, valueSize, maxEntries },
  });
}

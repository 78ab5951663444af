// Loads the compiled object into the kernel, around maps that exist and with new ones. Nothing is pinned or attached here: a loaded
// program that nobody attached forwards nothing, and vanishes with this process, and so does a map that nobody pinned.

import { datapathError } from './failure.ts';
import { canSetRetval } from './features.ts';
import type { TellingFds } from './kernel-traffic.ts';
import type { BpfMap, BpfObject, BpfProgram, Libbpf, LoadedLibbpf } from './libbpf.ts';
import { KERNEL_MAP_NAMES, type KernelMapName, MAP_SPECS } from './map-specs.ts';

/** Maps in which programs look for rows that the map itself lacks, while programs of before are being replaced. */
const BEFORE_NAMES = {
  reverseSockets: 'cm4_sk_before',
  reverseSockets6: 'cm6_sk_before',
  affinity: 'cm4_aff_before',
  affinity6: 'cm6_aff_before',
} as const satisfies Partial<Record<KernelMapName, string>>;
const BEFORE_ENTRIES = Object.entries(BEFORE_NAMES) as readonly [keyof typeof BEFORE_NAMES, string][];

/** Descriptors of the maps that programs of before write to. */
export type BeforeMaps = Readonly<Partial<Record<KernelMapName, number>>>;

export interface LoadOptions {
  readonly libbpf: LoadedLibbpf;
  readonly objectPath: string;
  /** The descriptor of one that exists, which stays the caller's, or the number of entries of a new one. */
  readonly maps: Readonly<Record<KernelMapName, { readonly fd: number } | { readonly entries: number }>>;
  /** @default none: what a map lacks is not there */
  readonly before?: BeforeMaps;
}

export interface Program {
  readonly name: string;
  readonly fd: number;
  readonly attachType: number;
}

export interface LoadedObject {
  readonly programs: readonly Program[];
  /** What a rejected call fails with. */
  readonly rejectsWith: 'EHOSTUNREACH' | 'EPERM';
  /** The maps that programs tell by; theirs until `close`. */
  readonly telling: TellingFds;
  /** The object's, like `telling`. */
  mapFd(map: KernelMapName): number;
  /** Lets go of the object; what is pinned or attached by then stays. */
  close(): void;
}

/** Where libbpf keeps what the programs declare as constant. */
const RODATA = '.rodata';
/** Enough to be a map; a trial stores nothing. */
const TRIAL_ENTRIES = 16;

/**
 * The kernel verifies on another thread what it nearly always takes, while this one goes on. Where it does not, it is asked again
 * aloud, for what it has to say.
 */
export async function loadObject(options: LoadOptions): Promise<LoadedObject> {
  const { libbpf } = options;
  const { object, setsRetval } = openAround(options);
  const status = await libbpf.loadAside(object);
  if (status >= 0) return loaded(libbpf, object, setsRetval);
  libbpf.calls.closeObject(object);
  return loadAloud(options);
}

function loadAloud(options: LoadOptions): LoadedObject {
  const { libbpf, objectPath } = options;
  const { object, setsRetval } = openAround(options);
  try {
    load(libbpf, objectPath, object);
  } catch (error) {
    libbpf.calls.closeObject(object);
    throw error;
  }
  return loaded(libbpf, object, setsRetval);
}

function openAround({ libbpf, objectPath, maps, before }: LoadOptions): {
  readonly object: BpfObject;
  readonly setsRetval: boolean;
} {
  const { calls } = libbpf;
  const object = open(libbpf, objectPath);
  try {
    for (const map of KERNEL_MAP_NAMES) {
      const choice = maps[map];
      if ('fd' in choice) reuse(calls, object, MAP_SPECS[map].name, choice.fd);
      else resize(calls, object, MAP_SPECS[map].name, choice.entries);
    }
    return { object, setsRetval: prepareBesides(calls, object, before) };
  } catch (error) {
    calls.closeObject(object);
    throw error;
  }
}

function loaded(libbpf: LoadedLibbpf, object: BpfObject, setsRetval: boolean): LoadedObject {
  const { calls } = libbpf;
  try {
    return {
      programs: programsOf(libbpf, object),
      rejectsWith: setsRetval ? 'EHOSTUNREACH' : 'EPERM',
      telling: {
        counters: fdOf(calls, object, MAP_SPECS.counters.name),
        lease: fdOf(calls, object, 'cm_event_lease'),
        budget: fdOf(calls, object, 'cm_event_budget'),
        events: fdOf(calls, object, 'cm_events'),
      },
      mapFd: (map) => fdOf(calls, object, MAP_SPECS[map].name),
      close: () => calls.closeObject(object),
    };
  } catch (error) {
    calls.closeObject(object);
    throw error;
  }
}

/** Loads everything as `loadObject` does but on small maps of its own, and lets go of it: whether the kernel takes it. */
export function tryObject(libbpf: LoadedLibbpf, objectPath: string): void {
  const { calls } = libbpf;
  const object = open(libbpf, objectPath);
  try {
    for (const map of KERNEL_MAP_NAMES) resize(calls, object, MAP_SPECS[map].name, TRIAL_ENTRIES);
    prepareBesides(calls, object, undefined);
    load(libbpf, objectPath, object);
  } finally {
    calls.closeObject(object);
  }
}

const fdOf = (calls: Libbpf, object: BpfObject, name: string): number => calls.mapFd(findMap(calls, object, name));

function open(libbpf: LoadedLibbpf, objectPath: string): BpfObject {
  const { result: object, messages } = libbpf.listen(() => libbpf.calls.openObject(objectPath, null));
  if (object !== null) return object;
  throw datapathError({ step: 'open object', subject: objectPath, errno: libbpf.errno(), messages });
}

function reuse(calls: Libbpf, object: BpfObject, name: string, fd: number): void {
  check(name, calls.reuseFd(findMap(calls, object, name), fd));
}

function resize(calls: Libbpf, object: BpfObject, name: string, entries: number): void {
  check(name, calls.setMaxEntries(findMap(calls, object, name), entries));
}

/** What is not the caller's choice: maps that nobody looks into are as small as can be. Says whether programs may choose an errno. */
function prepareBesides(calls: Libbpf, object: BpfObject, before: BeforeMaps | undefined): boolean {
  for (const [map, name] of BEFORE_ENTRIES) {
    const fd = before?.[map];
    if (fd === undefined) resize(calls, object, name, 1);
    else reuse(calls, object, name, fd);
  }
  const setsRetval = canSetRetval(calls);
  // The constants of the programs, in the order of their declaration: rows_move, can_set_retval.
  const constants = Uint8Array.of(before === undefined ? 0 : 1, setsRetval ? 1 : 0);
  check(RODATA, calls.setInitialValue(findMap(calls, object, RODATA), constants, constants.length));
  return setsRetval;
}

function load(libbpf: LoadedLibbpf, objectPath: string, object: BpfObject): void {
  const { result: status, messages } = libbpf.listen(() => libbpf.calls.loadObject(object));
  if (status < 0) throw datapathError({ step: 'load programs', subject: objectPath, errno: -status, messages });
}

function programsOf({ calls }: LoadedLibbpf, object: BpfObject): readonly Program[] {
  const programs: Program[] = [];
  for (let at: BpfProgram | null = null; ; ) {
    at = calls.nextProgram(object, at);
    if (at === null) return programs;
    programs.push({ name: calls.programName(at), fd: calls.programFd(at), attachType: calls.attachType(at) });
  }
}

/** An object without one of our maps is not ours: a broken build. */
function findMap(calls: Libbpf, object: BpfObject, name: string): BpfMap {
  const map = calls.findMap(object, name);
  if (map === null) throw new Error(`the compiled object has no map ${name}`);
  return map;
}

function check(map: string, status: number): void {
  if (status < 0) throw datapathError({ step: 'prepare map', subject: map, errno: -status });
}

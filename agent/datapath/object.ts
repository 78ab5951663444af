// Loads the compiled object into the kernel around the maps that are pinned already, and pins those that are not. Nothing is
// attached here: a loaded program that nobody attached forwards nothing, and vanishes with this process.

import { closeSync } from 'node:fs';
import type { Log } from '../../runtime/log.ts';
import { datapathError } from './failure.ts';
import type { TellingFds } from './kernel-traffic.ts';
import type { BpfMap, BpfObject, BpfProgram, Libbpf, LoadedLibbpf } from './libbpf.ts';
import { KERNEL_MAP_NAMES, type KernelMapName, MAP_SPECS } from './map-specs.ts';
import { openPinnedMap } from './pinned-map.ts';
import { mapPin } from './pins.ts';

export interface LoadOptions {
  readonly libbpf: LoadedLibbpf;
  readonly objectPath: string;
  readonly pinDir: string;
  readonly sizes: Readonly<Record<KernelMapName, number>>;
  readonly log: Log;
  /** Receives the path of every pin that this start made. */
  readonly made: string[];
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
  /** Lets go of the object; what is pinned or attached by then stays. */
  close(): void;
}

/** enum bpf_prog_type and enum bpf_func_id. */
const CGROUP_SOCK_ADDR = 18;
const SET_RETVAL = 187;
/** Where libbpf keeps what the programs declare as constant. */
const RODATA = '.rodata';
/** Enough to be a map; a trial stores nothing. */
const TRIAL_ENTRIES = 16;

export function loadObject(options: LoadOptions): LoadedObject {
  const { libbpf, objectPath } = options;
  const { calls } = libbpf;
  const object = open(libbpf, objectPath);
  try {
    const created = KERNEL_MAP_NAMES.filter((map) => !reusePinned(options, object, map));
    const canSetRetval = setConstants(calls, object);
    load(libbpf, objectPath, object);
    for (const map of created) pinMap(options, object, map);
    return {
      programs: programsOf(libbpf, object),
      rejectsWith: canSetRetval ? 'EHOSTUNREACH' : 'EPERM',
      telling: {
        counters: fdOf(calls, object, MAP_SPECS.counters.name),
        lease: fdOf(calls, object, 'cm_event_lease'),
        budget: fdOf(calls, object, 'cm_event_budget'),
        events: fdOf(calls, object, 'cm_events'),
      },
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
    for (const map of KERNEL_MAP_NAMES) resize(calls, object, map, TRIAL_ENTRIES);
    setConstants(calls, object);
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

/** False where nothing is pinned, and the map is to be created with the size wanted. */
function reusePinned({ libbpf, pinDir, sizes, log }: LoadOptions, object: BpfObject, map: KernelMapName): boolean {
  const { calls } = libbpf;
  const spec = MAP_SPECS[map];
  const pinned = openPinnedMap(calls, pinDir, spec, 'write');
  if (pinned === undefined) {
    resize(calls, object, map, sizes[map]);
    return false;
  }
  check('prepare map', spec.name, calls.reuseFd(findMap(calls, object, spec.name), pinned.fd));
  closeSync(pinned.fd);
  const { maxEntries } = pinned.description;
  if (maxEntries !== sizes[map]) {
    const fields = { map: spec.name, size: maxEntries, wanted: sizes[map], pinDir };
    log.warn('pinned map keeps its size: another one needs new pins', fields);
  }
  return true;
}

function resize(calls: Libbpf, object: BpfObject, map: KernelMapName, entries: number): void {
  const { name } = MAP_SPECS[map];
  check('prepare map', name, calls.setMaxEntries(findMap(calls, object, name), entries));
}

/** The constants of the programs, in the order of their declaration: one bool, can_set_retval, which is returned. */
function setConstants(calls: Libbpf, object: BpfObject): boolean {
  const canSetRetval = calls.probeHelper(CGROUP_SOCK_ADDR, SET_RETVAL, null) === 1;
  const constants = Uint8Array.of(canSetRetval ? 1 : 0);
  check('prepare map', RODATA, calls.setInitialValue(findMap(calls, object, RODATA), constants, constants.length));
  return canSetRetval;
}

function load(libbpf: LoadedLibbpf, objectPath: string, object: BpfObject): void {
  const { result: status, messages } = libbpf.listen(() => libbpf.calls.loadObject(object));
  if (status < 0) throw datapathError({ step: 'load programs', subject: objectPath, errno: -status, messages });
}

function pinMap({ libbpf: { calls }, pinDir, made }: LoadOptions, object: BpfObject, map: KernelMapName): void {
  const { name } = MAP_SPECS[map];
  const path = mapPin(pinDir, name);
  check('pin', path, calls.pin(calls.mapFd(findMap(calls, object, name)), path));
  made.push(path);
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

function check(step: 'prepare map' | 'pin', subject: string, status: number): void {
  if (status < 0) throw datapathError({ step, subject, errno: -status });
}

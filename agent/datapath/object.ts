// Loads the compiled object into the kernel around the maps that are pinned already, and pins those that are not. Nothing is
// attached here: a loaded program that nobody attached forwards nothing, and vanishes with this process.

import { closeSync } from 'node:fs';
import type { Log } from '../../runtime/log.ts';
import { datapathError } from './failure.ts';
import type { BpfMap, BpfObject, BpfProgram, LoadedLibbpf } from './libbpf.ts';
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
  /** Lets go of the object; what is pinned or attached by then stays. */
  close(): void;
}

/** enum bpf_prog_type and enum bpf_func_id. */
export const CGROUP_SOCK_ADDR = 18;
const SET_RETVAL = 187;

export function loadObject(options: LoadOptions): LoadedObject {
  const { libbpf, objectPath } = options;
  const { calls } = libbpf;
  const { result: object, messages } = libbpf.listen(() => calls.openObject(objectPath, null));
  if (object === null)
    throw datapathError({ step: 'open object', subject: objectPath, errno: libbpf.errno(), messages });
  try {
    const created = KERNEL_MAP_NAMES.filter((map) => !reusePinned(options, object, map));
    const canSetRetval = calls.probeHelper(CGROUP_SOCK_ADDR, SET_RETVAL, null) === 1;
    setConstants(options, object, canSetRetval);
    load(options, object);
    for (const map of created) pinMap(options, object, map);
    return {
      programs: programsOf(libbpf, object),
      rejectsWith: canSetRetval ? 'EHOSTUNREACH' : 'EPERM',
      close: () => calls.closeObject(object),
    };
  } catch (error) {
    calls.closeObject(object);
    throw error;
  }
}

/** False where nothing is pinned, and the map is to be created with the size wanted. */
function reusePinned({ libbpf, pinDir, sizes, log }: LoadOptions, object: BpfObject, map: KernelMapName): boolean {
  const { calls } = libbpf;
  const spec = MAP_SPECS[map];
  const target = findMap(calls.findMap(object, spec.name), spec.name);
  const pinned = openPinnedMap(calls, pinDir, spec, 'write');
  if (pinned === undefined) {
    check('prepare map', spec.name, calls.setMaxEntries(target, sizes[map]));
    return false;
  }
  check('prepare map', spec.name, calls.reuseFd(target, pinned.fd));
  closeSync(pinned.fd);
  const { maxEntries } = pinned.description;
  if (maxEntries !== sizes[map]) {
    const fields = { map: spec.name, size: maxEntries, wanted: sizes[map], pinDir };
    log.warn('pinned map keeps its size: another one needs new pins', fields);
  }
  return true;
}

/** The constants of the programs, in the order of their declaration: one bool, can_set_retval. */
function setConstants({ libbpf: { calls } }: LoadOptions, object: BpfObject, canSetRetval: boolean): void {
  const constants = Uint8Array.of(canSetRetval ? 1 : 0);
  const target = findMap(calls.findMap(object, '.rodata'), '.rodata');
  check('prepare map', '.rodata', calls.setInitialValue(target, constants, constants.length));
}

function load({ libbpf, objectPath }: LoadOptions, object: BpfObject): void {
  const { result: status, messages } = libbpf.listen(() => libbpf.calls.loadObject(object));
  if (status < 0) throw datapathError({ step: 'load programs', subject: objectPath, errno: -status, messages });
}

function pinMap({ libbpf: { calls }, pinDir, made }: LoadOptions, object: BpfObject, map: KernelMapName): void {
  const { name } = MAP_SPECS[map];
  const path = mapPin(pinDir, name);
  check('pin', path, calls.pin(calls.mapFd(findMap(calls.findMap(object, name), name)), path));
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
function findMap(map: BpfMap | null, name: string): BpfMap {
  if (map === null) throw new Error(`the compiled object has no map ${name}`);
  return map;
}

function check(step: 'prepare map' | 'pin', subject: string, status: number): void {
  if (status < 0) throw datapathError({ step, subject, errno: -status });
}

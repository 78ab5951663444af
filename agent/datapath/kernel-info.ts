// What the kernel says of a map, a link or a program behind a descriptor: the first fields of its bpf_*_info struct, whose
// layout is the kernel's stable interface. Undefined where there is nothing to say, such as of a link that is no cgroup's.

import type { Libbpf } from './libbpf.ts';
import type { MapShape } from './map-specs.ts';

export interface MapDescription extends MapShape {
  /** The kernel's own, as long as the map lives. */
  readonly id: number;
  /** At most 15 characters, as the kernel keeps them. */
  readonly name: string;
  readonly maxEntries: number;
}

export interface CgroupLinkDescription {
  readonly programId: number;
  readonly attachType: number;
  /** 0 once the cgroup was deleted: the link is then attached to nothing. */
  readonly cgroupId: bigint;
}

/** More than any of these structs has in the kernels we know; a shorter one is filled as far as it goes. */
const INFO_BYTES = 256;
/** In struct bpf_map_info. */
const MAP_NAME_OFFSET = 24;
/** In struct bpf_prog_info. */
const PROGRAM_MAP_COUNT_OFFSET = 52;
const PROGRAM_MAP_IDS_OFFSET = 56;
const PROGRAM_NAME_OFFSET = 64;
const NAME_BYTES = 16;
/** More than our programs use, or any that we would look at; also large enough that V8 does not move the array. */
const PROGRAM_MAPS_MAX = 64;
/** enum bpf_link_type. */
const LINK_TYPE_CGROUP = 3;

export function describeMap(calls: Libbpf, fd: number): MapDescription | undefined {
  const info = describe(calls, fd);
  if (info === undefined) return undefined;
  return {
    id: info.getUint32(4, true),
    name: nameIn(info, MAP_NAME_OFFSET),
    type: info.getUint32(0, true),
    keySize: info.getUint32(8, true),
    valueSize: info.getUint32(12, true),
    maxEntries: info.getUint32(16, true),
    flags: info.getUint32(20, true),
  };
}

export function describeCgroupLink(calls: Libbpf, fd: number): CgroupLinkDescription | undefined {
  const info = describe(calls, fd);
  if (info === undefined || info.getUint32(0, true) !== LINK_TYPE_CGROUP) return undefined;
  return {
    programId: info.getUint32(8, true),
    cgroupId: info.getBigUint64(16, true),
    attachType: info.getUint32(24, true),
  };
}

/** At most 15 characters, as the kernel keeps them. */
export function programNameOf(calls: Libbpf, fd: number): string | undefined {
  const info = describe(calls, fd);
  return info === undefined ? undefined : nameIn(info, PROGRAM_NAME_OFFSET);
}

/** The ids of the maps that a program uses; of more than 64, none. */
export function mapIdsOf(calls: Libbpf, programFd: number): readonly number[] {
  const ids = new Uint32Array(PROGRAM_MAPS_MAX);
  const info = describe(calls, programFd, (asked) => {
    asked.setUint32(PROGRAM_MAP_COUNT_OFFSET, PROGRAM_MAPS_MAX, true);
    asked.setBigUint64(PROGRAM_MAP_IDS_OFFSET, calls.addressOf(ids), true);
  });
  const count = info?.getUint32(PROGRAM_MAP_COUNT_OFFSET, true) ?? 0;
  return count > PROGRAM_MAPS_MAX ? [] : [...ids.subarray(0, count)];
}

function nameIn({ buffer }: DataView, offset: number): string {
  const name = new Uint8Array(buffer, offset, NAME_BYTES);
  const end = name.indexOf(0);
  return Buffer.from(name.subarray(0, end < 0 ? NAME_BYTES : end)).toString('latin1');
}

function describe(calls: Libbpf, fd: number, ask?: (info: DataView) => void): DataView | undefined {
  const info = new DataView(new ArrayBuffer(INFO_BYTES));
  ask?.(info);
  if (calls.describe(fd, new Uint8Array(info.buffer), Uint32Array.of(INFO_BYTES)) < 0) return undefined;
  return info;
}

// What the kernel says of a map, a link or a program behind a descriptor: the first fields of its bpf_*_info struct, whose
// layout is the kernel's stable interface. Undefined where there is nothing to say, such as of a link that is no cgroup's.

import type { Libbpf } from './libbpf.ts';
import type { MapShape } from './map-specs.ts';

export interface MapDescription extends MapShape {
  readonly maxEntries: number;
}

export interface CgroupLinkDescription {
  readonly attachType: number;
  /** 0 once the cgroup was deleted: the link is then attached to nothing. */
  readonly cgroupId: bigint;
}

/** More than any of these structs has in the kernels we know; a shorter one is filled as far as it goes. */
const INFO_BYTES = 256;
/** In struct bpf_prog_info. */
const PROGRAM_NAME_OFFSET = 64;
const NAME_BYTES = 16;
/** enum bpf_link_type. */
const LINK_TYPE_CGROUP = 3;

export function describeMap(calls: Libbpf, fd: number): MapDescription | undefined {
  const info = describe(calls, fd);
  if (info === undefined) return undefined;
  return {
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
  return { cgroupId: info.getBigUint64(16, true), attachType: info.getUint32(24, true) };
}

/** At most 15 characters, as the kernel keeps them. */
export function programNameOf(calls: Libbpf, fd: number): string | undefined {
  const info = describe(calls, fd);
  if (info === undefined) return undefined;
  const name = new Uint8Array(info.buffer, PROGRAM_NAME_OFFSET, NAME_BYTES);
  const end = name.indexOf(0);
  return Buffer.from(name.subarray(0, end < 0 ? NAME_BYTES : end)).toString('latin1');
}

function describe(calls: Libbpf, fd: number): DataView | undefined {
  const info = new Uint8Array(INFO_BYTES);
  if (calls.describe(fd, info, Uint32Array.of(INFO_BYTES)) < 0) return undefined;
  return new DataView(info.buffer);
}

// Programs of others at the hooks that ours use, on a cgroup and on those above it: another load balancer on sockets sees a call before
// or after ours, and may have changed where it goes.

import { closeSync, existsSync, openSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { datapathError } from './failure.ts';
import { CGROUP2_MAGIC } from './file-systems.ts';
import { programNameOf } from './kernel-info.ts';
import type { Libbpf } from './libbpf.ts';

export interface OtherProgram {
  readonly cgroup: string;
  readonly hook: string;
  /** As the kernel keeps it; empty where it has none. */
  readonly name: string;
}

/** enum bpf_attach_type. */
export const HOOKS = {
  connect4: 10,
  connect6: 11,
  sendmsg4: 14,
  sendmsg6: 15,
  recvmsg4: 19,
  recvmsg6: 20,
  getpeername4: 29,
  getpeername6: 30,
} as const;
/** The kernel allows 64 at one hook of one cgroup. */
const PROGRAMS_MAX = 64;
/** Of our own programs, of this agent or of another one on the same node. */
const OWN = /^cm_(connect|sendmsg|recvmsg|getpeername)/;

export function findOtherPrograms(calls: Libbpf, cgroup: string): readonly OtherProgram[] {
  return ancestry(cgroup).flatMap((folder) => {
    const fd = openSync(folder, 'r');
    try {
      return Object.entries(HOOKS).flatMap(([hook, type]) =>
        namesAt(calls, fd, type, folder)
          .filter((name) => !OWN.test(name))
          .map((name) => ({ cgroup: folder, hook, name })),
      );
    } finally {
      closeSync(fd);
    }
  });
}

/** The cgroup and those above it, as far as they are mounted. */
function ancestry(cgroup: string): readonly string[] {
  const folders: string[] = [];
  for (let at = cgroup; existsSync(at) && statfsSync(at).type === CGROUP2_MAGIC; at = dirname(at)) folders.push(at);
  return folders;
}

function namesAt(calls: Libbpf, cgroupFd: number, type: number, folder: string): readonly string[] {
  const ids = new Uint32Array(PROGRAMS_MAX);
  const count = Uint32Array.of(PROGRAMS_MAX);
  const status = calls.queryPrograms(cgroupFd, type, 0, new Uint32Array(1), ids, count);
  if (status < 0) throw datapathError({ step: 'query programs', subject: folder, errno: -status });
  return [...ids.subarray(0, count[0])].flatMap((id) => {
    // It may be gone by now.
    const fd = calls.openProgram(id);
    if (fd < 0) return [];
    try {
      return [programNameOf(calls, fd) ?? ''];
    } finally {
      closeSync(fd);
    }
  });
}

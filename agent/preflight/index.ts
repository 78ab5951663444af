// Looks at the host before the datapath is opened: the agent does it at its start, `clustermesh preflight` and the demo to say
// what is missing. It changes nothing: the programs are loaded, attached to nothing, and let go of.

import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { endianness, platform, release } from 'node:os';
import { dirname } from 'node:path';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import { COMPILED_OBJECT, otherPrograms, requireLibbpf, tryPrograms } from '../datapath/index.ts';
import { tryDestroying } from '../sockets/kernel/index.ts';
import { judgePreflight, type PreflightCheck } from './checks.ts';
import type { Attempt, ObservedFolder, PreflightObserved } from './observed.ts';
import { capabilities, lockdownMode, memlockBytes } from './proc.ts';

export type { PreflightCheck } from './checks.ts';

export interface PreflightOptions {
  /** @default the one that is compiled with this package */
  readonly objectPath?: string;
  /** Not checked where absent, like `cgroup`. */
  readonly pinDir?: string;
  readonly cgroup?: string;
}

/** The kernel numbers the root of the whole node's tree 1, whatever a cgroup namespace shows as its root. */
const ROOT_CGROUP_INODE = 1;
/** PROC_PID_INIT_INO of linux/proc_ns.h: the node's own pid namespace. */
const ROOT_PID_NAMESPACE = 0xeffffffc;

export function runPreflight(options: PreflightOptions = {}): readonly PreflightCheck[] {
  return judgePreflight(observe(options));
}

function observe({ objectPath = COMPILED_OBJECT, pinDir, cgroup }: PreflightOptions): PreflightObserved {
  const libbpf = attempt(requireLibbpf);
  const jit = textOf('/proc/sys/net/core/bpf_jit_enable').trim();
  return {
    platform: platform(),
    littleEndian: endianness() === 'LE',
    kernelRelease: release(),
    capabilities: capabilities(textOf('/proc/self/status')),
    memlockBytes: memlockBytes(textOf('/proc/self/limits')),
    libbpf,
    pinDir: pinDir === undefined ? undefined : folder(pinDir),
    cgroup: cgroup === undefined ? undefined : folder(cgroup),
    cgroupIsRoot: cgroup === undefined || !existsSync(cgroup) ? undefined : statSync(cgroup).ino === ROOT_CGROUP_INODE,
    jitEnabled: jit === '' ? undefined : jit !== '0',
    lockdown: lockdownMode(textOf('/sys/kernel/security/lockdown')),
    others: cgroup === undefined ? undefined : othersAt(cgroup),
    kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
    closeSockets: attempt(tryDestroying),
    nodePids: existsSync('/proc/self/ns/pid') && statSync('/proc/self/ns/pid').ino === ROOT_PID_NAMESPACE,
    load: libbpf.ok ? attempt(() => tryPrograms(objectPath)) : undefined,
  };
}

function othersAt(cgroup: string): PreflightObserved['others'] {
  try {
    return otherPrograms(cgroup);
  } catch (error) {
    return { unknown: reasonOf(error) };
  }
}

function attempt(work: () => void): Attempt {
  try {
    work();
    return { ok: true };
  } catch (error) {
    const hint = error instanceof OperationalError ? error.hint : undefined;
    return { ok: false, reason: reasonOf(error), ...(hint === undefined ? {} : { hint }) };
  }
}

function folder(path: string): ObservedFolder {
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) || at === dirname(at)) return { path, exists: at === path, fileSystem: statfsSync(at).type };
  }
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

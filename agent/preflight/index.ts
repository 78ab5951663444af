// Looks at the host: the agent does it when its datapath cannot be opened, `clustermesh preflight` and the demo to say beforehand
// what is missing. It changes nothing: the programs are loaded, attached to nothing, and let go of.

import { existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { endianness, platform, release } from 'node:os';
import { dirname } from 'node:path';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import {
  COMPILED_OBJECT,
  kernelFeatures,
  otherPrograms,
  pinProblems,
  requireLibbpf,
  tryPrograms,
} from '../datapath/index.ts';
import { tryDestroying } from '../sockets/kernel/index.ts';
import { judgePreflight } from './checks.ts';
import type { Attempt, ObservedFolder, PreflightObserved, Sysctl } from './observed.ts';
import {
  capabilities,
  inUserNamespace,
  lockdownMode,
  memlockBytes,
  seccompFilter,
  securityModules,
  selinuxEnforces,
} from './proc.ts';
import type { PreflightCheck } from './verdict.ts';

export { isObstacle } from './checks.ts';
export type { PreflightCheck } from './verdict.ts';

export interface PreflightOptions {
  /** @default the one that is compiled with this package */
  readonly objectPath?: string;
  /** Not looked at where absent, like `cgroup`. */
  readonly pinDir?: string;
  readonly cgroup?: string;
}

/** The kernel numbers the root of the whole node's tree 1, whatever a cgroup namespace shows as its root. */
const ROOT_CGROUP_INODE = 1;
/** PROC_PID_INIT_INO of linux/proc_ns.h: the node's own pid namespace. */
const ROOT_PID_NAMESPACE = 0xeffffffc;
const SECURITY = '/sys/kernel/security';
const CILIUM_PINS = '/sys/fs/bpf/tc/globals';

export function runPreflight(options: PreflightOptions = {}): readonly PreflightCheck[] {
  return judgePreflight(observe(options));
}

function observe({ objectPath = COMPILED_OBJECT, pinDir, cgroup }: PreflightOptions): PreflightObserved {
  const libbpf = attempt(requireLibbpf);
  const status = textOf('/proc/self/status');
  return {
    platform: platform(),
    littleEndian: endianness() === 'LE',
    kernelRelease: release(),
    libbpf,
    kernelBtf: existsSync('/sys/kernel/btf/vmlinux'),
    capabilities: capabilities(status),
    memlockBytes: memlockBytes(textOf('/proc/self/limits')),
    userNamespace: inUserNamespace(textOf('/proc/self/uid_map')),
    seccompFilter: seccompFilter(status),
    securityfs: existsSync(SECURITY) && readdirSync(SECURITY).length > 0,
    securityModules: securityModules(textOf(`${SECURITY}/lsm`)),
    selinuxEnforces: selinuxEnforces(textOf('/sys/fs/selinux/enforce')),
    lockdown: lockdownMode(textOf(`${SECURITY}/lockdown`)),
    pinDir: pinDir === undefined ? undefined : folder(pinDir),
    pins: pinDir === undefined ? undefined : orUndefined(() => pinProblems(pinDir)),
    cgroup: cgroup === undefined ? undefined : folder(cgroup),
    cgroupIsRoot: cgroup === undefined || !existsSync(cgroup) ? undefined : statSync(cgroup).ino === ROOT_CGROUP_INODE,
    features: libbpf.ok ? kernelFeatures() : undefined,
    load: libbpf.ok ? attempt(() => tryPrograms(objectPath)) : undefined,
    others: cgroup === undefined ? undefined : othersAt(cgroup),
    ciliumPins: namesIn(CILIUM_PINS).filter((name) => name.startsWith('cilium_')).length,
    processes: processNames(),
    sysctls: {
      'net.core.bpf_jit_enable': sysctl('net.core.bpf_jit_enable'),
      'net.core.bpf_jit_harden': sysctl('net.core.bpf_jit_harden'),
      'kernel.bpf_stats_enabled': sysctl('kernel.bpf_stats_enabled'),
      'kernel.unprivileged_bpf_disabled': sysctl('kernel.unprivileged_bpf_disabled'),
    },
    closeSockets: attempt(tryDestroying),
    nodePids: existsSync('/proc/self/ns/pid') && statSync('/proc/self/ns/pid').ino === ROOT_PID_NAMESPACE,
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

function orUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function folder(path: string): ObservedFolder {
  for (let at = path; ; at = dirname(at)) {
    if (existsSync(at) || at === dirname(at)) return { path, exists: at === path, fileSystem: statfsSync(at).type };
  }
}

function processNames(): readonly string[] {
  const names = namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => textOf(`/proc/${pid}/comm`).trim());
  return [...new Set(names)];
}

const sysctl = (name: Sysctl): number | undefined => numberOf(`/proc/sys/${name.replaceAll('.', '/')}`);

function numberOf(path: string): number | undefined {
  const text = textOf(path).trim();
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}

/** Empty where it is not there, or not for this process to read. */
const textOf = (path: string): string => orUndefined(() => readFileSync(path, 'utf8')) ?? '';

const namesIn = (path: string): readonly string[] => orUndefined(() => readdirSync(path)) ?? [];

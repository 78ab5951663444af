// What this process may do, and what keeps processes from doing it: capabilities, limits, user namespaces, filters of system
// calls, security modules, lockdown. Where the kernel has taken the programs, none of the last four can be in the way.

import type { PreflightObserved } from '../observed.ts';
import { type CheckRow, failed, PASSED, passed, unknown, type Verdict } from '../verdict.ts';

/** linux/capability.h. */
const CAPABILITIES = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
  CAP_PERFMON: 38n,
  CAP_BPF: 39n,
} as const;
type Capability = keyof typeof CAPABILITIES;

export const lacks = (capabilities: bigint, name: Capability): boolean =>
  ((capabilities >> CAPABILITIES[name]) & 1n) === 0n;

/**
 * CAP_SYS_ADMIN contains them all. Without CAP_PERFMON the verifier also follows what a processor might do by mistake, and takes
 * neither loops of the length of ours nor all helpers.
 */
const NEEDED = ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'] as const satisfies readonly Capability[];

/** `A`, `A and B`, `A, B and C`. */
const listOf = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** Since then maps count against the memory limit of the cgroup, and RLIMIT_MEMLOCK says nothing. */
const KERNEL_WITHOUT_MEMLOCK = { major: 5, minor: 11 };
/** The maps of default size have 90 MB; the rest is room. */
const MEMLOCK_BYTES_MIN = 128 * 1024 * 1024;

const SECURITYFS = 'no securityfs is mounted at /sys/kernel/security';
const MOUNT_SECURITYFS = 'mount -t securityfs securityfs /sys/kernel/security';

export const PRIVILEGE_ROWS: readonly CheckRow[] = [
  { id: 'capabilities', title: 'the process may load and attach programs', judge: judgeCapabilities },
  { id: 'memlock', title: 'maps may be locked into memory', judge: judgeMemlock },
  {
    id: 'user-namespace',
    title: "capabilities are the machine's, not those of a user namespace",
    judge: ({ userNamespace, load }) => {
      if (userNamespace === undefined) return unknown('/proc/self/uid_map does not say');
      if (!userNamespace) return PASSED;
      if (load?.ok === true) return passed('it is in one, and the kernel takes the programs all the same');
      return failed(
        'it is in a user namespace, where CAP_BPF does not count',
        'run it in the user namespace of the machine, without rootless mode or remapped users',
      );
    },
  },
  {
    id: 'seccomp',
    title: 'no filter of system calls forbids bpf(2)',
    judge: ({ seccompFilter, load }) => {
      if (seccompFilter === undefined) return unknown('/proc/self/status does not say');
      if (!seccompFilter) return PASSED;
      if (load?.ok === true) return passed('there is a filter, and the kernel takes the programs all the same');
      return unknown('there is a filter, and it may', 'allow bpf(2) in the container profile, or in SystemCallFilter=');
    },
  },
  { id: 'lsm', title: 'no security module forbids bpf(2)', judge: judgeSecurityModules },
  {
    id: 'lockdown',
    title: 'kernel lockdown leaves the programs alone',
    judge: ({ lockdown, securityfs }) => {
      if (lockdown !== undefined) return passed(`mode ${lockdown}: programs for sockets run in every mode`);
      if (securityfs) return passed('this kernel has none');
      return unknown(`${SECURITYFS}; programs for sockets run in every mode`, MOUNT_SECURITYFS);
    },
  },
];

export function judgeCapabilities({ capabilities }: PreflightObserved): Verdict {
  if (capabilities === undefined) return unknown('/proc/self/status does not say');
  const missing = lacks(capabilities, 'CAP_SYS_ADMIN') ? NEEDED.filter((name) => lacks(capabilities, name)) : [];
  if (missing.length === 0) return PASSED;
  const named = listOf(missing);
  return failed(`${named} missing`, `run as root, or grant ${named}`);
}

function judgeMemlock({ kernelRelease, memlockBytes }: PreflightObserved): Verdict {
  const [major = 0, minor = 0] = kernelRelease.split('.').map((part) => Number.parseInt(part, 10));
  const { major: since, minor: sinceMinor } = KERNEL_WITHOUT_MEMLOCK;
  if (major > since || (major === since && minor >= sinceMinor)) return PASSED;
  if (memlockBytes === undefined) return unknown('/proc/self/limits does not say');
  if (memlockBytes >= MEMLOCK_BYTES_MIN) return PASSED;
  const remedy = 'raise it: ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit';
  return failed(`kernel ${kernelRelease} counts maps against RLIMIT_MEMLOCK, which is ${memlockBytes} bytes`, remedy);
}

function judgeSecurityModules({ securityModules, securityfs, selinuxEnforces, load }: PreflightObserved): Verdict {
  if (securityModules === undefined) {
    const taken = load?.ok === true ? '; the kernel takes the programs all the same' : '';
    return unknown(securityfs ? 'the kernel does not say which it has' : `${SECURITYFS}${taken}`, MOUNT_SECURITYFS);
  }
  if (load?.ok === true || securityModules.length === 0) return passed(`active: ${securityModules.join(', ')}`);
  if (selinuxEnforces === true) {
    return unknown(
      'SELinux enforces its policy, which may',
      'look for "avc: denied" with tclass=bpf in the audit log, and allow map_create, map_read, map_write, prog_load and prog_run',
    );
  }
  return unknown(
    `active: ${securityModules.join(', ')}; one of them may`,
    'look for what it denied in the kernel log (dmesg)',
  );
}

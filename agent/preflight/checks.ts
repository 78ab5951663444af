// What a host must have before the datapath can work, as rows. Each says what it found, why that is not enough and what to do.
// Pure: everything it knows is in the observed value.

import { BPFFS_MAGIC, CGROUP2_MAGIC } from '../datapath/file-systems.ts';
import type { Attempt, ObservedFolder, PreflightObserved } from './observed.ts';

export interface PreflightCheck {
  readonly id: string;
  readonly title: string;
  /** Unknown is neither: it could not be found out, or does not matter here; the reason says which. */
  readonly status: 'passed' | 'failed' | 'unknown';
  readonly reason?: string;
  /** What to do, where it failed. */
  readonly remedy?: string;
}

type Verdict = Pick<PreflightCheck, 'status' | 'reason' | 'remedy'>;

interface CheckRow {
  readonly id: string;
  readonly title: string;
  /** Undefined where there is nothing to check. */
  readonly judge: (observed: PreflightObserved) => Verdict | undefined;
}

const PASSED: Verdict = { status: 'passed' };
const failed = (reason: string, remedy: string): Verdict => ({ status: 'failed', reason, remedy });
const unknown = (reason: string): Verdict => ({ status: 'unknown', reason });

/** linux/capability.h. */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_PTRACE = 19n;
const CAP_SYS_ADMIN = 21n;
const CAP_BPF = 39n;

/** Since then maps count against the memory limit of the cgroup, and RLIMIT_MEMLOCK says nothing. */
const KERNEL_WITHOUT_MEMLOCK = { major: 5, minor: 11 };
/** The maps of default size have 90 MB; the rest is room. */
const MEMLOCK_BYTES_MIN = 128 * 1024 * 1024;

const ROWS: readonly CheckRow[] = [
  {
    id: 'platform',
    title: 'the machine runs Linux and is little endian',
    judge: ({ platform, littleEndian }) => {
      if (platform !== 'linux') return failed(`it runs ${platform}`, 'use a Linux host, or datapath.kind memory');
      return littleEndian ? PASSED : failed('it is big endian', 'use an x86-64 or arm64 host');
    },
  },
  {
    id: 'libbpf',
    title: 'libbpf 1.x can be loaded',
    judge: ({ libbpf }) => judgeAttempt(libbpf, 'install libbpf1 (apt-get install libbpf1)'),
  },
  { id: 'capabilities', title: 'the process may load and attach programs', judge: judgeCapabilities },
  { id: 'memlock', title: 'maps may be locked into memory', judge: judgeMemlock },
  {
    id: 'bpffs',
    title: 'the pin folder is on a BPF file system',
    judge: ({ pinDir }) =>
      judgeFolder(
        pinDir,
        BPFFS_MAGIC,
        'mount one there or above (mount -t bpf bpf /sys/fs/bpf), or set datapath.pinDir',
      ),
  },
  {
    id: 'cgroup2',
    title: 'the cgroup is of version 2',
    judge: ({ cgroup }) => {
      if (cgroup?.exists === false)
        return failed(`${cgroup.path} is not there`, 'set datapath.cgroup to a folder of the cgroup2 mount');
      return judgeFolder(cgroup, CGROUP2_MAGIC, 'set datapath.cgroup to a folder of the cgroup2 mount');
    },
  },
  {
    id: 'cgroup-root',
    title: 'the cgroup is the whole node',
    judge: ({ cgroup, cgroupIsRoot }) => {
      if (cgroup === undefined || cgroupIsRoot === undefined) return undefined;
      return cgroupIsRoot
        ? PASSED
        : unknown(`only processes below ${cgroup.path} get the services, not those of the whole node`);
    },
  },
  { id: 'conflicts', title: 'no other program is attached to the hooks', judge: judgeOthers },
  {
    id: 'jit',
    title: 'programs are compiled to machine code',
    judge: ({ jitEnabled }) =>
      jitEnabled === false
        ? unknown('net.core.bpf_jit_enable is 0: every call is interpreted, which works but is slower; set it to 1')
        : PASSED,
  },
  {
    id: 'lockdown',
    title: 'kernel lockdown leaves the programs alone',
    judge: ({ lockdown }) =>
      lockdown === undefined
        ? unknown('/sys/kernel/security/lockdown does not say; programs for sockets run in every mode')
        : PASSED,
  },
  {
    id: 'btf',
    title: 'the kernel describes its types (BTF)',
    judge: ({ kernelBtf }) =>
      kernelBtf ? PASSED : unknown('there is no /sys/kernel/btf/vmlinux; the programs do without, tools show less'),
  },
  {
    id: 'load',
    title: 'the kernel takes the programs',
    judge: judgeLoad,
  },
  {
    id: 'close-sockets',
    title: 'sockets of withdrawn backends can be closed',
    judge: ({ closeSockets }) =>
      judgeAttempt(
        closeSockets,
        'use a kernel with CONFIG_INET_DIAG, CONFIG_INET_UDP_DIAG and CONFIG_INET_DIAG_DESTROY',
      ),
  },
  { id: 'namespaces', title: 'they can be in any network namespace of the node', judge: judgeNamespaces },
];

export function judgePreflight(observed: PreflightObserved): readonly PreflightCheck[] {
  return ROWS.flatMap(({ id, title, judge }) => {
    const verdict = judge(observed);
    return verdict === undefined ? [] : [{ id, title, ...verdict }];
  });
}

function judgeAttempt(attempt: Attempt, remedy: string): Verdict {
  return attempt.ok ? PASSED : failed(attempt.reason, attempt.hint ?? remedy);
}

function judgeCapabilities({ capabilities }: PreflightObserved): Verdict {
  if (capabilities === undefined) return unknown('/proc/self/status does not say');
  const has = (capability: bigint) => hasCapability(capabilities, capability);
  const missing = [
    ...(has(CAP_BPF) || has(CAP_SYS_ADMIN) ? [] : ['CAP_BPF']),
    ...(has(CAP_NET_ADMIN) ? [] : ['CAP_NET_ADMIN']),
  ];
  if (missing.length === 0) return PASSED;
  return failed(`${missing.join(' and ')} missing`, `run as root, or grant ${missing.join(' and ')}`);
}

/** Where everything runs in the agent's own namespace, nothing is missing: so it is no failure. */
function judgeNamespaces({ capabilities, nodePids }: PreflightObserved): Verdict {
  if (!nodePids)
    return unknown("this process sees only processes of its own pid namespace: run it in the node's (hostPID)");
  if (capabilities === undefined) return unknown('/proc/self/status does not say');
  const missing = [
    ...(hasCapability(capabilities, CAP_SYS_ADMIN) ? [] : ['CAP_SYS_ADMIN']),
    ...(hasCapability(capabilities, CAP_SYS_PTRACE) ? [] : ['CAP_SYS_PTRACE']),
  ];
  if (missing.length === 0) return PASSED;
  return unknown(`without ${missing.join(' and ')} only those in the agent's own are closed`);
}

const hasCapability = (capabilities: bigint, capability: bigint): boolean => ((capabilities >> capability) & 1n) === 1n;

function judgeOthers({ others }: PreflightObserved): Verdict | undefined {
  if (others === undefined) return undefined;
  if ('unknown' in others) return unknown(others.unknown);
  if (others.length === 0) return PASSED;
  const named = others.map(
    ({ cgroup, hook, name }) => `${name === '' ? 'a program without a name' : name} at ${hook} of ${cgroup}`,
  );
  return unknown(
    `${named.join(', ')}: harmless unless it balances the same services, as Cilium does (see bpftool cgroup tree)`,
  );
}

function judgeLoad(observed: PreflightObserved): Verdict {
  const { load } = observed;
  if (load === undefined) return unknown('not tried without libbpf');
  if (!load.ok && judgeCapabilities(observed).status === 'failed')
    return unknown('not to be told without capabilities');
  return judgeAttempt(load, 'use kernel 5.8 or newer');
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

function judgeFolder(folder: ObservedFolder | undefined, fileSystem: number, remedy: string): Verdict | undefined {
  if (folder === undefined) return undefined;
  if (folder.fileSystem === fileSystem) return PASSED;
  return failed(`${folder.path} is on a file system of another type (0x${folder.fileSystem.toString(16)})`, remedy);
}

// What a failed call to the kernel means and what to do about it. The kernel answers with an errno that has many causes; a
// row here says which cause it is at which step, so that nobody has to read a bare "Invalid argument". Pure.

import { errnoText } from '../../runtime/errno.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { BatchOutcome } from '../maps/port.ts';
import { complaintOf, formatComplaint } from './verifier-log.ts';

/** What was being done when the kernel refused. */
export type DatapathStep =
  | 'open object'
  | 'prepare map'
  | 'load programs'
  | 'read pin'
  | 'pin'
  | 'attach program'
  | 'query programs'
  | 'replace program'
  | 'dump map'
  | 'fill map'
  | 'look up'
  | 'read sockets';

export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  E2BIG: 7,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  ENOSYS: 38,
} as const;

interface Cause {
  readonly steps: readonly DatapathStep[] | 'any';
  readonly errno: number;
  /** Some causes can only be told by what libbpf or the verifier said. */
  readonly said?: RegExp;
  readonly code: string;
  readonly reason: string;
  readonly hint: string;
  readonly retryable?: boolean;
  /** What libbpf and the verifier said is not passed on, because it is about something else. */
  readonly misleading?: true;
}

const CAPABILITIES_HINT =
  'run as root or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN; if they are granted, a seccomp profile or an LSM forbids bpf(2), and before kernel 5.11 RLIMIT_MEMLOCK has to be raised';

const WORN_OUT = {
  steps: ['load programs'],
  said: /program is too large|too complex|too many states/,
  code: 'DATAPATH_REJECTED',
  reason: 'the verifier would have to follow more of a program than it is willing to',
  hint: 'grant CAP_PERFMON, without which it follows more ways; if that is granted, report it with the kernel version and the lines above',
} as const;

/** The first row that fits counts. */
const CAUSES: readonly Cause[] = [
  {
    steps: ['open object'],
    errno: ERRNO.ENOENT,
    code: 'DATAPATH_OBJECT_MISSING',
    reason: 'there is no compiled object',
    hint: 'run npm run bpf',
  },
  {
    steps: ['attach program', 'replace program'],
    errno: ERRNO.EPERM,
    code: 'DATAPATH_ATTACH_REFUSED',
    reason: 'the cgroup, or one above it, has a program that allows no other, or a capability is missing',
    hint: 'see bpftool cgroup tree, and run with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN',
  },
  {
    steps: 'any',
    errno: ERRNO.EPERM,
    code: 'DATAPATH_NOT_PERMITTED',
    reason: 'the process may not do this',
    hint: CAPABILITIES_HINT,
    // It always suspects RLIMIT_MEMLOCK.
    misleading: true,
  },
  {
    steps: 'any',
    errno: ERRNO.ENOSYS,
    code: 'DATAPATH_UNSUPPORTED',
    reason: 'the kernel has no bpf(2), or a seccomp profile hides it',
    hint: 'allow bpf(2) in the container profile, or use a kernel built with CONFIG_BPF_SYSCALL',
  },
  {
    steps: ['load programs'],
    errno: ERRNO.EINVAL,
    said: /cannot use helper|invalid func|unknown func/,
    code: 'DATAPATH_UNSUPPORTED',
    reason: 'the kernel lacks a helper that the programs need, or keeps it from this process',
    hint: 'use kernel 5.9 or newer, and grant CAP_PERFMON',
  },
  {
    steps: ['load programs'],
    errno: ERRNO.EACCES,
    said: /prohibited for !root/,
    code: 'DATAPATH_NOT_PERMITTED',
    reason: 'the verifier is stricter with a process that lacks CAP_PERFMON',
    hint: 'grant CAP_PERFMON',
  },
  { errno: ERRNO.EFAULT, ...WORN_OUT },
  { errno: ERRNO.E2BIG, ...WORN_OUT },
  {
    steps: ['load programs'],
    errno: ERRNO.EAGAIN,
    code: 'DATAPATH_INTERRUPTED',
    reason: 'signals kept coming while the verifier was at work, which then gives up: a profiler does that',
    hint: 'start again, without a profiler that samples by signals',
    retryable: true,
    misleading: true,
  },
  {
    steps: ['load programs'],
    errno: ERRNO.EACCES,
    code: 'DATAPATH_REJECTED',
    reason: 'the verifier rejected a program',
    hint: 'report it with the kernel version and the lines above',
  },
  {
    steps: ['load programs'],
    errno: ERRNO.E2BIG,
    code: 'DATAPATH_MAP_TOO_LARGE',
    reason: 'the kernel allows no map of that size, or no program of this length',
    hint: 'set smaller datapath.sizes',
  },
  {
    steps: ['load programs', 'prepare map'],
    errno: ERRNO.ENOMEM,
    code: 'DATAPATH_NO_MEMORY',
    reason: 'there is no memory for the maps',
    hint: 'set smaller datapath.sizes, or a higher memory limit',
  },
  {
    steps: ['pin'],
    errno: ERRNO.EEXIST,
    code: 'DATAPATH_PIN_TAKEN',
    reason: 'another process pinned there at the same time',
    hint: 'run one agent per datapath.pinDir',
    retryable: true,
  },
  {
    steps: ['pin', 'read pin'],
    errno: ERRNO.EINVAL,
    code: 'DATAPATH_NOT_BPFFS',
    reason: 'it is not on a BPF file system',
    hint: 'mount one: mount -t bpf bpf /sys/fs/bpf',
  },
  {
    steps: ['attach program'],
    errno: ERRNO.EBADF,
    code: 'DATAPATH_NOT_CGROUP2',
    reason: 'it is not a cgroup v2 folder',
    hint: 'set datapath.cgroup to a folder of the cgroup2 mount (see /proc/self/mountinfo)',
  },
  {
    steps: ['attach program'],
    errno: ERRNO.EINVAL,
    code: 'DATAPATH_UNSUPPORTED',
    reason: 'the kernel has no links to cgroups, or not this hook',
    hint: 'use kernel 5.9 or newer',
  },
];

export interface FailedStep {
  readonly step: DatapathStep;
  /** What it was done to: a path, a map, a program. */
  readonly subject: string;
  /** Positive. */
  readonly errno: number;
  /** What libbpf and the verifier said. */
  readonly messages?: readonly string[];
}

export function datapathError({ step, subject, errno, messages = [] }: FailedStep): OperationalError {
  const complaint = complaintOf(messages);
  const said = formatComplaint(complaint);
  const cause = CAUSES.find(
    (row) => row.errno === errno && (row.steps === 'any' || row.steps.includes(step)) && (row.said?.test(said) ?? true),
  );
  const program = complaint.program === undefined ? '' : ` on ${complaint.program}`;
  const quote = said !== '' && cause?.misleading !== true;
  const parts = [cause?.reason, errnoText(errno), !quote ? undefined : `kernel${program}: ${said}`];
  return new OperationalError({
    code: cause?.code ?? 'DATAPATH_FAILED',
    operation: step,
    subject,
    reason: parts.filter((part) => part !== undefined).join('; '),
    hint: cause?.hint ?? 'see the kernel log (dmesg)',
    retryable: cause?.retryable ?? false,
  });
}

/** Of a write that stopped; a hash map that is full says E2BIG, other kinds ENOSPC. */
export function writeFailure(errno: number, maxEntries: number): NonNullable<BatchOutcome['failure']> {
  if (errno === ERRNO.E2BIG || errno === ERRNO.ENOSPC)
    return { code: 'MAP_FULL', reason: `all ${maxEntries} entries are in use`, errno };
  return { code: 'MAP_FAILED', reason: errnoText(errno), errno };
}

import { expect, test } from 'vitest';
import { BPFFS_MAGIC, CGROUP2_MAGIC } from '../datapath/file-systems.ts';
import { isObstacle, judgePreflight } from './checks.ts';
import type { PreflightObserved } from './observed.ts';
import {
  capabilities,
  inUserNamespace,
  lockdownMode,
  memlockBytes,
  seccompFilter,
  securityModules,
  selinuxEnforces,
} from './proc.ts';

const good: PreflightObserved = {
  platform: 'linux',
  littleEndian: true,
  kernelRelease: '6.1.0-18-amd64',
  libbpf: { ok: true },
  kernelBtf: true,
  capabilities: (1n << 41n) - 1n,
  memlockBytes: 65_536,
  userNamespace: false,
  seccompFilter: false,
  securityfs: true,
  securityModules: ['capability', 'landlock'],
  selinuxEnforces: undefined,
  lockdown: 'none',
  pinDir: { path: '/sys/fs/bpf/clustermesh', exists: false, fileSystem: BPFFS_MAGIC },
  pins: [],
  cgroup: { path: '/sys/fs/cgroup', exists: true, fileSystem: CGROUP2_MAGIC },
  cgroupIsRoot: true,
  features: [
    { kind: 'hook', name: 'connect4', since: '4.17', available: true },
    { kind: 'map-type', name: 'HASH', since: '3.19', available: true },
    { kind: 'helper', name: 'get_netns_cookie', since: '5.7', available: true },
    { kind: 'helper', name: 'set_retval', since: '6.1', available: true, without: 'EPERM instead' },
    { kind: 'command', name: 'LINK_CREATE', since: '5.7', available: true },
  ],
  load: { ok: true },
  others: [],
  ciliumPins: 0,
  processes: ['systemd', 'sshd'],
  sysctls: {
    'net.core.bpf_jit_enable': 1,
    'net.core.bpf_jit_harden': 0,
    'kernel.bpf_stats_enabled': 0,
    'kernel.unprivileged_bpf_disabled': 2,
  },
  closeSockets: { ok: true },
  nodePids: true,
};
const REFUSED = { ok: false, reason: 'rejected', hint: 'report it' } as const;
const without = (name: string) => ({
  features: good.features?.map((each) => (each.name === name ? { ...each, available: false } : each)),
});

test('a host that has everything passes every check', () => {
  const checks = judgePreflight(good);
  expect(checks.map(({ status }) => status)).toEqual(checks.map(() => 'passed'));
  expect(checks.map(({ id }) => id)).toEqual([
    ...'platform libbpf btf capabilities memlock user-namespace seccomp lsm lockdown'.split(' '),
    ...'bpffs pins cgroup2 cgroup-root'.split(' '),
    ...'hook:connect4 map-type:HASH helper:get_netns_cookie helper:set_retval command:LINK_CREATE load'.split(' '),
    ...'conflicts cilium kube-proxy jit jit-harden bpf-stats unprivileged-bpf close-sockets namespaces'.split(' '),
  ]);
});

test('whatever does not pass says why; what failed says what to do', () => {
  const nothing: PreflightObserved = {
    ...good,
    platform: 'darwin',
    libbpf: REFUSED,
    kernelBtf: false,
    capabilities: 0n,
    memlockBytes: undefined,
    userNamespace: true,
    seccompFilter: true,
    securityfs: false,
    securityModules: undefined,
    lockdown: undefined,
    pinDir: undefined,
    pins: undefined,
    cgroup: undefined,
    cgroupIsRoot: undefined,
    features: undefined,
    load: undefined,
    others: undefined,
    ciliumPins: 7,
    closeSockets: REFUSED,
    nodePids: false,
  };
  for (const { status, reason, remedy, id } of judgePreflight(nothing)) {
    if (status !== 'passed') expect(reason, id).toBeTruthy();
    if (status === 'failed') expect(remedy, id).toBeTruthy();
  }
});

test('what the datapath can do without is no obstacle', () => {
  const obstacles = (changes: Partial<PreflightObserved>) => judgePreflight({ ...good, ...changes }).filter(isObstacle);
  expect(obstacles({ closeSockets: REFUSED })).toEqual([]);
  expect(obstacles({ load: REFUSED }).map(({ id }) => id)).toEqual(['load']);
});

const TMPFS = 0x01021994;
const only = (...capabilities: readonly bigint[]) => ({
  capabilities: capabilities.reduce((all, each) => all | (1n << each), 0n),
});

test.each<[string, Partial<PreflightObserved>, string, string]>([
  ['another system', { platform: 'darwin' }, 'platform', 'it runs darwin'],
  ['big endian', { littleEndian: false }, 'platform', 'it is big endian'],
  ['no library', { libbpf: { ok: false, reason: 'cannot open' } }, 'libbpf', 'cannot open'],
  ['no capabilities', { capabilities: 0n }, 'capabilities', 'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN missing'],
  ['CAP_BPF alone', only(39n), 'capabilities', 'CAP_PERFMON and CAP_NET_ADMIN missing'],
  ['CAP_PERFMON missing', only(12n, 39n), 'capabilities', 'CAP_PERFMON missing'],
  ['CAP_NET_ADMIN alone', only(12n), 'capabilities', 'CAP_BPF and CAP_PERFMON missing'],
  ['an old kernel with a small limit', { kernelRelease: '5.10.0' }, 'memlock', 'which is 65536 bytes'],
  ['no BPF file system', { pinDir: { path: '/x', exists: true, fileSystem: TMPFS } }, 'bpffs', '0x1021994'],
  ['cgroup v1', { cgroup: { path: '/x', exists: true, fileSystem: TMPFS } }, 'cgroup2', '/x is on a file system'],
  ['no cgroup', { cgroup: { path: '/x', exists: false, fileSystem: CGROUP2_MAGIC } }, 'cgroup2', '/x is not there'],
  ['a hook that is missing', { ...without('connect4'), load: REFUSED }, 'hook:connect4', 'came with 4.17'],
  ['a command that is missing', without('LINK_CREATE'), 'command:LINK_CREATE', 'came with 5.7'],
  ['a user namespace', { userNamespace: true, load: REFUSED }, 'user-namespace', 'CAP_BPF does not count'],
  [
    'a pin of another shape',
    { pins: [{ path: '/x/maps/a', reason: 'it is a hash' }] },
    'pins',
    '/x/maps/a: it is a hash',
  ],
  ['sockets that this process may not close', only(21n), 'close-sockets', 'CAP_NET_ADMIN missing'],
  ['sockets that stay open', { closeSockets: { ok: false, reason: 'EOPNOTSUPP' } }, 'close-sockets', 'EOPNOTSUPP'],
  ['programs refused', { load: { ok: false, reason: 'rejected', hint: 'report it' } }, 'load', 'rejected'],
])('%s', (_, changes, id, reason) => {
  const wrong = judgePreflight({ ...good, ...changes }).filter(({ status }) => status === 'failed');
  expect(wrong).toContainEqual(
    expect.objectContaining({
      id,
      status: 'failed',
      reason: expect.stringContaining(reason),
      remedy: expect.anything(),
    }),
  );
  expect(wrong.filter((check) => check.id !== id && check.optional !== true && check.id !== 'load')).toEqual([]);
});

test.each<[string, Partial<PreflightObserved>]>([
  ['CAP_SYS_ADMIN stands for CAP_BPF', only(12n, 21n)],
  ['an old kernel without a limit', { kernelRelease: '5.10.0', memlockBytes: Number.POSITIVE_INFINITY }],
  ['a folder that nobody named', { pinDir: undefined, cgroup: undefined, others: undefined }],
  ['a helper that probing denies, and programs that need it all the same', without('get_netns_cookie')],
  ['filters and namespaces that let the programs through', { seccompFilter: true, userNamespace: true }],
  ['kube-proxy beside it', { processes: ['kube-proxy'] }],
])('%s', (_, changes) => {
  expect(judgePreflight({ ...good, ...changes }).filter(({ status }) => status === 'failed')).toEqual([]);
});

test.each<[string, Partial<PreflightObserved>, string]>([
  ['no compiler', { sysctls: { ...good.sysctls, 'net.core.bpf_jit_enable': 0 } }, 'jit'],
  ['blinded constants', { sysctls: { ...good.sysctls, 'net.core.bpf_jit_harden': 2 } }, 'jit-harden'],
  ['timed programs', { sysctls: { ...good.sysctls, 'kernel.bpf_stats_enabled': 1 } }, 'bpf-stats'],
  ['programs of anybody', { sysctls: { ...good.sysctls, 'kernel.unprivileged_bpf_disabled': 0 } }, 'unprivileged-bpf'],
  ['a helper that can be done without', without('set_retval'), 'helper:set_retval'],
  ['pieces where nothing may be asked for', without('HASH'), 'helper:get_netns_cookie'],
  ['pieces without libbpf', { features: undefined }, 'features'],
  ['Cilium beside it', { processes: ['cilium-agent'] }, 'cilium'],
  ['maps of Cilium', { ciliumPins: 12 }, 'cilium'],
  ['no securityfs', { securityfs: false, securityModules: undefined, lockdown: undefined }, 'lsm'],
  ['no folder', { pinDir: undefined, pins: undefined }, 'pins'],
  ['pins that cannot be looked at', { pins: undefined }, 'pins'],
  ['no cgroup', { cgroup: undefined, cgroupIsRoot: undefined, others: undefined }, 'conflicts'],
  ['a part of the node', { cgroupIsRoot: false }, 'cgroup-root'],
  ['a program of others', { others: [{ cgroup: '/x', hook: 'connect4', name: 'cil_sock4' }] }, 'conflicts'],
  ['hooks that cannot be asked', { others: { unknown: 'EPERM' } }, 'conflicts'],
  ['a lockdown that nobody tells', { securityfs: false, lockdown: undefined }, 'lockdown'],
  ['no BTF', { kernelBtf: false }, 'btf'],
  ['a pid namespace of its own', { nodePids: false }, 'namespaces'],
  ['programs that could not be tried', { load: undefined }, 'load'],
  ['no way into other namespaces', only(12n, 38n, 39n), 'namespaces'],
  ['capabilities that /proc does not tell', { capabilities: undefined }, 'capabilities'],
])('%s is unknown, with a reason', (_, changes, id) => {
  const wrong = judgePreflight({ ...good, ...changes }).filter(({ status }) => status !== 'passed');
  expect(wrong).toContainEqual(expect.objectContaining({ id, status: 'unknown', reason: expect.anything() }));
  expect(wrong.every(({ status }) => status === 'unknown')).toBe(true);
});

test('reads what /proc says', () => {
  expect(capabilities('Name:\tnode\nCapPrm:\t0000000000000000\nCapEff:\t0000008000001000\n')).toBe(
    (1n << 39n) | (1n << 12n),
  );
  expect(capabilities('')).toBeUndefined();
  expect(memlockBytes('Max locked memory         8388608              9000000              bytes')).toBe(8_388_608);
  expect(memlockBytes('Max locked memory         unlimited            unlimited            bytes')).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(memlockBytes('')).toBeUndefined();
  expect(lockdownMode('none [integrity] confidentiality\n')).toBe('integrity');
  expect(lockdownMode('')).toBeUndefined();
  expect(inUserNamespace('         0          0 4294967295\n')).toBe(false);
  expect(inUserNamespace('         0       1000          1\n')).toBe(true);
  expect(inUserNamespace('0 1000 1\n1 100000 65536\n')).toBe(true);
  expect(inUserNamespace('')).toBeUndefined();
  expect(seccompFilter('NoNewPrivs:\t0\nSeccomp:\t2\n')).toBe(true);
  expect(seccompFilter('Seccomp:\t0\n')).toBe(false);
  expect(securityModules('capability,landlock,apparmor')).toEqual(['capability', 'landlock', 'apparmor']);
  expect(securityModules('')).toBeUndefined();
  expect([selinuxEnforces('1'), selinuxEnforces('0'), selinuxEnforces('')]).toEqual([true, false, undefined]);
});

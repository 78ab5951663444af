import { expect, test } from 'vitest';
import { BPFFS_MAGIC, CGROUP2_MAGIC } from '../datapath/file-systems.ts';
import { judgePreflight } from './checks.ts';
import type { PreflightObserved } from './observed.ts';
import { capabilities, lockdownMode, memlockBytes } from './proc.ts';

const good: PreflightObserved = {
  platform: 'linux',
  littleEndian: true,
  kernelRelease: '6.1.0-18-amd64',
  capabilities: (1n << 41n) - 1n,
  memlockBytes: 65_536,
  libbpf: { ok: true },
  pinDir: { path: '/sys/fs/bpf/clustermesh', exists: false, fileSystem: BPFFS_MAGIC },
  cgroup: { path: '/sys/fs/cgroup', exists: true, fileSystem: CGROUP2_MAGIC },
  cgroupIsRoot: true,
  jitEnabled: true,
  lockdown: 'none',
  others: [],
  kernelBtf: true,
  closeSockets: { ok: true },
  nodePids: true,
  load: { ok: true },
};

test('a host that has everything passes every check', () => {
  const checks = judgePreflight(good);
  expect(checks.map(({ status }) => status)).toEqual(checks.map(() => 'passed'));
  expect(checks.map(({ id }) => id)).toEqual(
    'platform libbpf capabilities memlock bpffs cgroup2 cgroup-root conflicts jit lockdown btf load close-sockets namespaces'.split(
      ' ',
    ),
  );
});

const TMPFS = 0x01021994;
const only = (capability: bigint) => ({ capabilities: 1n << capability });

test.each<[string, Partial<PreflightObserved>, string, string]>([
  ['another system', { platform: 'darwin' }, 'platform', 'it runs darwin'],
  ['big endian', { littleEndian: false }, 'platform', 'it is big endian'],
  ['no library', { libbpf: { ok: false, reason: 'cannot open' } }, 'libbpf', 'cannot open'],
  ['no capabilities', { capabilities: 0n }, 'capabilities', 'CAP_BPF and CAP_NET_ADMIN missing'],
  ['CAP_BPF alone', only(39n), 'capabilities', 'CAP_NET_ADMIN missing'],
  ['CAP_NET_ADMIN alone', only(12n), 'capabilities', 'CAP_BPF missing'],
  ['an old kernel with a small limit', { kernelRelease: '5.10.0' }, 'memlock', 'which is 65536 bytes'],
  ['no BPF file system', { pinDir: { path: '/x', exists: true, fileSystem: TMPFS } }, 'bpffs', '0x1021994'],
  ['cgroup v1', { cgroup: { path: '/x', exists: true, fileSystem: TMPFS } }, 'cgroup2', '/x is on a file system'],
  ['no cgroup', { cgroup: { path: '/x', exists: false, fileSystem: CGROUP2_MAGIC } }, 'cgroup2', '/x is not there'],
  ['sockets that stay open', { closeSockets: { ok: false, reason: 'EOPNOTSUPP' } }, 'close-sockets', 'EOPNOTSUPP'],
  ['programs refused', { load: { ok: false, reason: 'rejected', hint: 'report it' } }, 'load', 'rejected'],
])('%s', (_, changes, id, reason) => {
  const wrong = judgePreflight({ ...good, ...changes }).filter(({ status }) => status === 'failed');
  expect(wrong).toEqual([
    expect.objectContaining({
      id,
      status: 'failed',
      reason: expect.stringContaining(reason),
      remedy: expect.anything(),
    }),
  ]);
});

test.each<[string, Partial<PreflightObserved>]>([
  ['CAP_SYS_ADMIN stands for CAP_BPF', { capabilities: (1n << 21n) | (1n << 12n) }],
  ['an old kernel without a limit', { kernelRelease: '5.10.0', memlockBytes: Number.POSITIVE_INFINITY }],
  ['a folder that nobody named is not checked', { pinDir: undefined, cgroup: undefined, others: undefined }],
])('%s', (_, changes) => {
  expect(judgePreflight({ ...good, ...changes }).filter(({ status }) => status === 'failed')).toEqual([]);
});

test.each<[string, Partial<PreflightObserved>, string]>([
  ['no compiler', { jitEnabled: false }, 'jit'],
  ['a part of the node', { cgroupIsRoot: false }, 'cgroup-root'],
  ['a program of others', { others: [{ cgroup: '/x', hook: 'connect4', name: 'cil_sock4' }] }, 'conflicts'],
  ['hooks that cannot be asked', { others: { unknown: 'EPERM' } }, 'conflicts'],
  ['a lockdown that nobody tells', { lockdown: undefined }, 'lockdown'],
  ['no BTF', { kernelBtf: false }, 'btf'],
  ['a pid namespace of its own', { nodePids: false }, 'namespaces'],
  ['programs that could not be tried', { load: undefined }, 'load'],
  ['no way into other namespaces', { capabilities: (1n << 39n) | (1n << 12n) }, 'namespaces'],
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
});

import { describe, expect, test } from 'vitest';
import { isMounted } from './bpffs.ts';
import { cgroup2Mount } from './cgroup.ts';
import { commandAt } from './place.ts';
import { identityIn, identityOf, isAlive } from './process-identity.ts';

const line = { command: 'node', args: ['main.js', '--x', 'a b'] };

describe('a command at a place', () => {
  test('runs as it is on the host', () => {
    expect(commandAt({}, line)).toEqual(line);
  });

  test('joins its cgroup before it enters the namespace and becomes the command', () => {
    expect(commandAt({ netns: 'n1', cgroup: '/cg/n1' }, line)).toEqual({
      command: 'sh',
      args: [
        '-c',
        'echo $$ > "$0/cgroup.procs" && exec "$@"',
        '/cg/n1',
        'nsenter',
        '--net=/run/netns/n1',
        '--',
        'node',
        'main.js',
        '--x',
        'a b',
      ],
    });
  });
});

describe('mounts', () => {
  const unified = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate';
  const hybrid = [
    '31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755',
    '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu',
    '38 31 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    '40 23 0:40 / /tmp/my\\040lab/bpf rw - bpf none rw',
  ].join('\n');

  test('cgroup2 is found wherever it is', () => {
    expect(cgroup2Mount(unified)).toBe('/sys/fs/cgroup');
    expect(cgroup2Mount(hybrid)).toBe('/sys/fs/cgroup/unified');
    expect(cgroup2Mount('')).toBeUndefined();
  });

  test('a mount point is known by its exact path', () => {
    expect(isMounted('/tmp/my lab/bpf', hybrid)).toBe(true);
    expect(isMounted('/tmp/my lab', hybrid)).toBe(false);
  });
});

describe('the identity of a process', () => {
  test('is a pid with its start', () => {
    const self = identityOf(process.pid);
    expect(self?.startTime).toMatch(/^\d+$/);
    expect(self !== undefined && isAlive(self)).toBe(true);
    expect(isAlive({ pid: process.pid, startTime: '1' })).toBe(false);
    expect(identityOf(2 ** 22 + 1)).toBeUndefined();
  });

  test('is there until all of its threads have ended: each of them holds its files', () => {
    const stat = (state: string, threads: number) =>
      `77 (node (a) b) ${state} 1 77 77 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 ${threads} 0 1801874 3133440 380`;
    expect(identityIn(77, stat('S', 11))).toEqual({ pid: 77, startTime: '1801874' });
    expect(identityIn(77, stat('Z', 11))).toEqual({ pid: 77, startTime: '1801874' });
    expect(identityIn(77, stat('Z', 1))).toBeUndefined();
  });
});

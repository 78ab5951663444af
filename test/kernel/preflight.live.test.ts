// Given hosts that lack something, made by taking it away from a process or a room: what `clustermesh preflight` and the start of an
// agent say of it, and how they end. Needs root, clang, make, iproute2, util-linux, bpftool, a cgroup2 mount and a kernel with cgroup
// version 1 beside it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listPins, removeDatapath } from '../../agent/datapath/index.ts';
import { KernelMap } from '../../agent/datapath/kernel-map.ts';
import { loadLibbpf } from '../../agent/datapath/libbpf.ts';
import { MAP_SPECS } from '../../agent/datapath/map-specs.ts';
import { openPinnedMap } from '../../agent/datapath/pinned-map.ts';
import { backendKey } from '../../agent/maps/layout.ts';
import type { PreflightCheck } from '../../agent/preflight/index.ts';
import { runCommand } from '../../lab/command.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { makeRoom, type Room, skipped } from './room.ts';

/** Exit codes of the command. */
const DONE = 0;
const REPORTED = 1;
const NOT_CARRIED_OUT = 3;

const CLUSTERMESH = [process.execPath, '--import', 'tsx', join(packageRoot(), 'cli/main.ts')];
const without = (...capabilities: readonly string[]) => [
  'setpriv',
  `--bounding-set=${capabilities.map((each) => `-${each}`).join(',')}`,
];
const ONLY_ITS_OWN = ['setpriv', '--bounding-set=-all,+bpf,+net_admin,+perfmon'];
const USER_NAMESPACE = ['unshare', '-U', '-r'];
const NOT_TOLD = 'not to be told without capabilities';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

describe.skipIf(skipped || skippedWithout('bpftool', 'setpriv', 'unshare'))('what a host lacks', () => {
  let room: Room;
  let pinDir: string;
  /** A folder of cgroup version 1, with no controller of the host's. */
  let version1: string;

  beforeAll(async () => {
    room = await makeRoom();
    pinDir = `${room.bpffs}/node`;
    version1 = join(room.dir, 'version1');
    mkdirSync(version1);
    await runCommand('mount', ['-t', 'cgroup', '-o', `none,name=cm${process.pid}`, 'cgroup', version1]);
    const pki = ['pki', 'init', '--cluster', 'west', '--dir', join(room.dir, 'pki'), '--node', 'n1'];
    expect((await run([...CLUSTERMESH, ...pki])).code).toBe(DONE);
    mkdirSync(`${room.bpffs}/other/maps`, { recursive: true });
    const shape = 'type hash key 4 value 20 entries 64 name other'.split(' ');
    await runCommand('bpftool', ['map', 'create', `${room.bpffs}/other/maps/cm4_backends`, ...shape]);
  });
  afterAll(async () => {
    await runCommand('umount', [version1]);
    rmdirSync(version1);
    await room.remove();
  });

  /** To its end, or asks it to end once it has said something. */
  async function run(line: readonly string[], untilSaid?: string): Promise<Ended> {
    const [command = '', ...args] = line;
    const child = spawn(command, args, { cwd: packageRoot(), stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let error = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      error += text;
      const asked = untilSaid !== undefined && error.includes(untilSaid);
      if (asked && !child.killed) child.kill('SIGTERM');
    });
    const [code] = await once(child, 'close');
    return { code, out, error };
  }

  interface Folders {
    readonly pinDir?: string;
    readonly cgroup?: string;
  }

  async function preflight(place: readonly string[], folders: Folders = {}) {
    const named = ['--pin-dir', folders.pinDir ?? pinDir, '--cgroup', folders.cgroup ?? room.cgroup];
    const { code, out } = await run([...place, ...CLUSTERMESH, 'preflight', ...named, '-o', 'json']);
    const { passed, checks } = JSON.parse(out) as {
      readonly passed: boolean;
      readonly checks: readonly PreflightCheck[];
    };
    expect(passed).toBe(code === DONE);
    const of = (status: PreflightCheck['status']) => checks.filter((check) => check.status === status);
    const check = (id: string) => checks.find((each) => each.id === id);
    return { code, failed: of('failed').map(({ id }) => id), unknown: of('unknown').map(({ id }) => id), check };
  }

  describe('preflight', () => {
    test('with everything there is no obstacle, and each piece is told', async () => {
      const { code, failed, check } = await preflight([]);
      expect({ code, failed }).toEqual({ code: DONE, failed: [] });
      for (const id of ['load', 'bpffs', 'cgroup2', 'helper:get_netns_cookie', 'hook:getpeername6', 'map-type:RINGBUF'])
        expect(check(id)).toMatchObject({ status: 'passed' });
      expect(check('cgroup-root')).toMatchObject({
        status: 'unknown',
        reason: expect.stringContaining(`only processes below ${room.cgroup}`),
      });
    });

    test('three capabilities are enough for the datapath, and what they are not enough for is told', async () => {
      const { code, failed, check } = await preflight(ONLY_ITS_OWN);
      expect({ code, failed }).toEqual({ code: DONE, failed: [] });
      expect(check('namespaces')).toMatchObject({
        status: 'unknown',
        reason: "without CAP_SYS_ADMIN and CAP_SYS_PTRACE only those in the agent's own are closed",
      });
    });

    test.each([
      ['CAP_BPF', without('bpf', 'sys_admin'), 'CAP_BPF missing'],
      ['CAP_PERFMON', without('perfmon', 'sys_admin'), 'CAP_PERFMON missing'],
      ['CAP_NET_ADMIN', without('net_admin', 'sys_admin'), 'CAP_NET_ADMIN missing'],
      ['any capability', without('all'), 'CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN missing'],
    ])('without %s', async (_, place, reason) => {
      const { code, failed, check } = await preflight(place);
      expect({ code, first: failed[0] }).toEqual({ code: REPORTED, first: 'capabilities' });
      expect(failed.filter((id) => id !== 'close-sockets')).toEqual(['capabilities']);
      const remedy = expect.stringContaining(reason.replace(' missing', ''));
      expect(check('capabilities')).toMatchObject({ reason, remedy });
      // What a process without rights is told means nothing, and is not passed on as if it did.
      for (const id of ['load', 'helper:set_retval', 'map-type:HASH', 'hook:connect4'])
        expect(check(id)).toMatchObject({ status: 'unknown', reason: NOT_TOLD });
    });

    test('CAP_SYS_ADMIN stands for all of them, but not for closing sockets', async () => {
      const { code, failed } = await preflight(without('bpf', 'perfmon', 'net_admin'));
      expect({ code, failed }).toEqual({ code: DONE, failed: ['close-sockets'] });
    });

    test('in a user namespace, where capabilities are worth nothing', async ({ skip }) => {
      // The kernel makes none for a process in a chroot, nor where the number of them is limited to 0: user_namespaces(7).
      const made = await run([...USER_NAMESPACE, 'true']);
      skip(made.code !== 0, `no user namespace can be made here: ${made.error.trim()}`);
      const { code, failed, unknown, check } = await preflight(USER_NAMESPACE);
      expect(code).toBe(REPORTED);
      expect(failed).toEqual(['user-namespace', 'load']);
      expect(unknown).toContain('helper:map_lookup_elem');
      expect(check('user-namespace')).toMatchObject({
        remedy: expect.stringContaining('user namespace of the machine'),
      });
    });

    test.each<[string, string, () => Folders, string]>([
      ['a pin folder on another file system', 'bpffs', () => ({ pinDir: room.dir }), 'mount -t bpf'],
      [
        'a pin folder that is not there, below no BPF file system',
        'bpffs',
        () => ({ pinDir: '/absent/x' }),
        'mount -t bpf',
      ],
      ['a pinned map of another shape', 'pins', () => ({ pinDir: `${room.bpffs}/other` }), 'remove the pins'],
      ['a cgroup of version 1', 'cgroup2', () => ({ cgroup: version1 }), 'the cgroup2 mount'],
      ['a folder that is no cgroup', 'cgroup2', () => ({ cgroup: room.dir }), 'the cgroup2 mount'],
      ['a cgroup that is not there', 'cgroup2', () => ({ cgroup: `${room.cgroup}/absent` }), 'the cgroup2 mount'],
    ])('%s', async (_, id, folders, remedy) => {
      const { code, failed, check } = await preflight([], folders());
      expect({ code, failed }).toEqual({ code: REPORTED, failed: [id] });
      expect(check(id)).toMatchObject({ reason: expect.anything(), remedy: expect.stringContaining(remedy) });
    });

    test('for people it says the same, with what to do under what failed', async () => {
      const line = [...CLUSTERMESH, 'preflight', '--cgroup', `${room.cgroup}/absent`];
      const { code, out } = await run([...without('net_admin', 'sys_admin'), ...line]);
      expect(code).toBe(REPORTED);
      expect(out).toContain(
        'failed   the process may load and attach programs: CAP_NET_ADMIN missing\n         → run as root, or grant CAP_NET_ADMIN\n',
      );
      expect(out).toContain(`failed   the cgroup is of version 2: ${room.cgroup}/absent is not there\n         → set`);
      expect(out).toContain(`unknown  the kernel takes the programs: ${NOT_TOLD}\n`);
    });
  });

  describe('the start of an agent', () => {
    function agent(place: readonly string[], { pinDir: pins = pinDir, cgroup = room.cgroup, sizes = 64 } = {}) {
      const pki = join(room.dir, 'pki');
      const config = join(room.dir, 'agent.json');
      const content = {
        node: { name: 'n1' },
        cluster: { name: 'west' },
        servers: ['127.0.0.1:1'],
        tls: { ca: [`${pki}/ca/ca.pem`], cert: `${pki}/agents/n1/cert.pem`, key: `${pki}/agents/n1/key.pem` },
        datapath: {
          pinDir: pins,
          cgroup,
          sizes: { services: sizes, backends: 64, reverseNat: 64, reverseSockets: 64 },
        },
        http: { listen: `unix:${room.dir}/agent.sock` },
      };
      writeFileSync(config, JSON.stringify(content));
      return run([...place, ...CLUSTERMESH, 'agent', '--config', config], '"listening"');
    }

    test('with three capabilities it attaches, and what it pinned stays when it is stopped', async () => {
      const { code, error } = await agent(ONLY_ITS_OWN);
      expect({ code, error }).toEqual({ code: DONE, error: expect.stringContaining('"programs":9') });
      expect(listPins(pinDir).length).toBeGreaterThanOrEqual(16);
      expect(error).not.toContain('preflight');
      await removeDatapath({ pinDir });
    });

    test('on maps that are full it attaches likewise, and finds them as they are', async () => {
      expect((await agent([])).code).toBe(DONE);
      const { calls } = loadLibbpf();
      const pinned = openPinnedMap(calls, pinDir, MAP_SPECS.backends, 'write');
      if (pinned === undefined) throw new Error('not pinned');
      const map = new KernelMap({ calls, fd: pinned.fd, name: 'backends', info: pinned.description });
      const rows = Array.from({ length: 65 }, (_, id) => ({ key: backendKey(id + 1), value: new Uint8Array(12) }));
      expect(await map.update(rows)).toMatchObject({ applied: 64, failure: { code: 'MAP_FULL' } });

      expect(await preflight([])).toMatchObject({ code: DONE, failed: [] });
      expect(await agent([])).toMatchObject({ code: DONE, error: expect.stringContaining('"replaced":9') });
      // Nobody has said yet what is desired: nothing is taken away.
      expect((await map.dump()).length).toBe(64);
      map.close();
      await removeDatapath({ pinDir });
    });

    test.each<[string, string, readonly string[], () => Folders & { readonly sizes?: number }, string]>([
      ['without CAP_BPF', 'DATAPATH_NOT_PERMITTED', without('bpf', 'sys_admin'), () => ({}), 'capabilities'],
      [
        'without CAP_NET_ADMIN',
        'DATAPATH_NOT_PERMITTED',
        without('net_admin', 'sys_admin'),
        () => ({}),
        'capabilities',
      ],
      ['without CAP_PERFMON', 'DATAPATH_NOT_PERMITTED', without('perfmon', 'sys_admin'), () => ({}), 'capabilities'],
      ['without a BPF file system', 'DATAPATH_NOT_BPFFS', [], () => ({ pinDir: `${room.dir}/plain` }), 'bpffs'],
      ['with a map of another shape', 'DATAPATH_PIN_MISMATCH', [], () => ({ pinDir: `${room.bpffs}/other` }), 'pins'],
      ['with a cgroup of version 1', 'DATAPATH_NOT_CGROUP2', [], () => ({ cgroup: version1 }), 'cgroup2'],
      [
        'with a cgroup that is not there',
        'DATAPATH_NOT_CGROUP2',
        [],
        () => ({ cgroup: `${room.cgroup}/x` }),
        'cgroup2',
      ],
    ])('%s it says why, with what preflight finds, and leaves nothing', async (_, errorCode, place, options, check) => {
      const before = listPins(pinDir);
      const { code, error } = await agent(place, options());
      expect(code).toBe(NOT_CARRIED_OUT);
      const lines = error.trim().split('\n');
      expect(lines.at(-1)).toMatch(new RegExp(`^clustermesh: \\[${errorCode}\\] .+: .+ \\(.+\\)$`));
      const failed = lines.filter((line) => line.includes('preflight check failed'));
      expect(failed.map((line) => JSON.parse(line).check).filter((id) => id !== 'close-sockets')).toEqual([check]);
      expect(listPins(pinDir)).toEqual(before);
    });
  });
});

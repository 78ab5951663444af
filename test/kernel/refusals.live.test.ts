// What the datapath says when it cannot be opened: a code, the cause and what to do, and nothing left behind. Needs root, clang,
// make, iproute2, util-linux, bpftool and a cgroup2 mount.

import { existsSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DatapathOptions, openDatapath, openPinnedMaps, otherPrograms } from '../../agent/datapath/index.ts';
import { runPreflight } from '../../agent/preflight/index.ts';
import { runCommand } from '../../lab/command.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { silentLog } from '../../runtime/log.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { makeRoom, type Room, skipped } from './room.ts';

describe.skipIf(skipped || skippedWithout('bpftool', 'setpriv'))('refusals', () => {
  let room: Room;
  beforeEach(async () => {
    room = await makeRoom();
  });
  afterEach(() => room.remove());

  const open = (changes: Partial<DatapathOptions> = {}) =>
    openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 64, backends: 64, reverseNat: 64, reverseSockets: 64 },
      objectPath: room.objectPath,
      log: silentLog,
      ...changes,
    });
  const refusal = async (changes: Partial<DatapathOptions>): Promise<OperationalError> => {
    const error = await open(changes).then(
      (maps) => {
        maps.close();
        throw new Error('was opened');
      },
      (thrown: unknown) => thrown,
    );
    if (error instanceof OperationalError) return error;
    throw error;
  };

  async function compiled(name: string, text: string): Promise<string> {
    const source = `${room.dir}/${name}.bpf.c`;
    const objectPath = `${room.dir}/${name}.bpf.o`;
    writeFileSync(source, text);
    await runCommand('clang', [...CLANG_BPF, `-I${BPF}`, '-c', source, '-o', objectPath]);
    return objectPath;
  }

  test.each([
    ['a pin folder on another file system', 'DATAPATH_NOT_BPFFS', () => ({ pinDir: `${room.dir}/plain/node` })],
    ['a pin folder with a dot in its name', 'DATAPATH_PIN_FOLDER', () => ({ pinDir: `${room.bpffs}/node.1` })],
    ['a folder that is no cgroup', 'DATAPATH_NOT_CGROUP2', () => ({ cgroup: room.dir })],
    ['a cgroup that is not there', 'DATAPATH_NOT_CGROUP2', () => ({ cgroup: `${room.cgroup}/absent` })],
    ['an object that is not there', 'DATAPATH_OBJECT_MISSING', () => ({ objectPath: `${room.dir}/absent.o` })],
    [
      'a map larger than any',
      'DATAPATH_MAP_TOO_LARGE',
      () => ({ sizes: { services: 0xffff_ffff, backends: 64, reverseNat: 64 } }),
    ],
  ])('%s', async (_, code, changes) => {
    const error = await refusal(changes());
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe(undefined);
    expect(existsSync(`${room.dir}/plain`)).toBe(false);
    expect(pinsIn(room)).toEqual([]);
  });

  test('an object that is none', async () => {
    const objectPath = `${room.dir}/garbage.o`;
    writeFileSync(objectPath, 'garbage');
    expect((await refusal({ objectPath })).message).toContain('garbage.o');
  });

  test('a program that the verifier rejects is named, with the line it is about', async () => {
    const { code, reason } = await refusal({ objectPath: await compiled('bad', REJECTED) });
    expect(code).toBe('DATAPATH_REJECTED');
    expect(reason).toMatch(
      /the verifier rejected a program; EACCES.*kernel on cm_connect4: .*invalid mem access 'map_value_or_null'/,
    );
    expect(reason.length).toBeLessThan(600);
    expect(pinsIn(room)).toEqual([]);
  });

  test('of a program that wears the verifier out the verdict is kept, which stands at the end of megabytes', async () => {
    const { code, reason } = await refusal({ objectPath: await compiled('worn', ENDLESS) });
    expect(code).toBe('DATAPATH_REJECTED');
    expect(reason).toMatch(
      /more of a program than it is willing to; E.*kernel on cm_connect4: .*(too large. Processed|jumps is too complex)/,
    );
    expect(reason.length).toBeLessThan(1_500);
    expect(pinsIn(room)).toEqual([]);
  });

  test('a pinned map of another shape is refused, and is not touched', async () => {
    const pin = `${room.bpffs}/node/maps/cm4_backends`;
    mkdirSync(`${room.bpffs}/node/maps`, { recursive: true });
    await runCommand('bpftool', [
      'map',
      'create',
      pin,
      ...'type hash key 4 value 24 entries 64 name cm4_backends'.split(' '),
    ]);
    const { code, message } = await refusal({});
    expect(code).toBe('DATAPATH_PIN_MISMATCH');
    expect(message).toContain(pin);
    expect(message).toContain('hash, key 4 bytes, value 24 bytes, flags 0');
    expect(message).toContain('hash, key 4 bytes, value 12 bytes, flags 0');
    expect(pinsIn(room)).toEqual(['maps/cm4_backends']);
  });

  test('a start that fails half-way takes back what it made', async () => {
    const programs = `${room.bpffs}/other`;
    await runCommand('bpftool', ['prog', 'loadall', room.objectPath, programs]);
    // Attached without `multi`: nobody else may attach to this hook.
    await runCommand('bpftool', ['cgroup', 'attach', room.cgroup, 'sendmsg4', 'pinned', `${programs}/cm_sendmsg4`]);
    expect((await refusal({})).code).toBe('DATAPATH_ATTACH_REFUSED');
    expect(pinsIn(room)).toEqual([]);
    await expect.poll(() => attachedTo(room)).toEqual(['cgroup_udp4_sendmsg']);
  });

  test('without capabilities it says which, and does not blame the memory limit', async () => {
    const script = `
      import { tryPrograms } from './agent/datapath/index.ts';
      import { runPreflight } from './agent/preflight/index.ts';
      let refused;
      try { tryPrograms(${JSON.stringify(room.objectPath)}); } catch (error) { refused = error.message; }
      console.log(JSON.stringify({ refused, checks: runPreflight() }));`;
    const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script];
    const said = await runCommand('setpriv', ['--bounding-set=-bpf,-sys_admin,-net_admin', ...node]);
    const { refused, checks } = JSON.parse(said);
    expect(refused).toMatch(/^\[DATAPATH_NOT_PERMITTED\].*CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN/);
    expect(refused).not.toContain('ulimit');
    const failed = checks.filter(({ status }: { readonly status: string }) => status === 'failed');
    expect(failed.map(({ id }: { readonly id: string }) => id)).toEqual(['capabilities', 'close-sockets']);
  });

  test('programs of others at our hooks are found, ours are not', async () => {
    (await open()).close();
    expect(otherPrograms(room.cgroup)).toEqual([]);
    const source = `${room.dir}/other.bpf.c`;
    const objectPath = `${room.dir}/other.bpf.o`;
    writeFileSync(source, OTHER);
    await runCommand('clang', [...CLANG_BPF, '-c', source, '-o', objectPath]);
    await runCommand('bpftool', ['prog', 'load', objectPath, `${room.bpffs}/other`]);
    await runCommand('bpftool', [
      'cgroup',
      'attach',
      room.cgroup,
      'connect4',
      'pinned',
      `${room.bpffs}/other`,
      'multi',
    ]);
    const below = `${room.cgroup}/below`;
    mkdirSync(below);
    const other = { cgroup: room.cgroup, hook: 'connect4', name: 'someone' };
    expect(otherPrograms(room.cgroup)).toEqual([other]);
    expect(otherPrograms(below)).toEqual([other]);
    expect(runPreflight({ cgroup: below }).find(({ id }) => id === 'conflicts')).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('someone at connect4'),
    });
    rmdirSync(below);
  });

  test('maps that nobody pinned', async () => {
    await expect(openPinnedMaps({ pinDir: `${room.bpffs}/node` })).rejects.toMatchObject({
      code: 'DATAPATH_PIN_MISSING',
    });
  });
});

async function attachedTo({ cgroup }: Room): Promise<readonly string[]> {
  const attached = JSON.parse(await runCommand('bpftool', ['-j', 'cgroup', 'show', cgroup]));
  return attached.map(({ attach_type: type }: { readonly attach_type: string }) => type);
}

const pinsIn = ({ bpffs }: Room): readonly string[] =>
  existsSync(`${bpffs}/node`)
    ? ['maps', 'links'].flatMap((folder) => readdirSync(`${bpffs}/node/${folder}`).map((name) => `${folder}/${name}`))
    : [];

const CLANG_BPF = [
  '-target',
  'bpf',
  '-O2',
  '-g',
  '-idirafter',
  `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
];

const OTHER = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
SEC("cgroup/connect4")
int someone(struct bpf_sock_addr *ctx)
{
	return 1;
}
char _license[] SEC("license") = "GPL";
`;

const BPF = join(packageRoot(), 'bpf');

/** The maps of ours, without which an object is none of ours. */
const OURS = `
${readdirSync(join(BPF, 'include'))
  .map((name) => `#include "include/${name}"`)
  .join('\n')}
const volatile _Bool can_set_retval = 0;
`;

/** Reads a row without asking whether it is there. */
const REJECTED = `${OURS}
SEC("cgroup/connect4")
int cm_connect4(struct bpf_sock_addr *ctx)
{
	struct backend_key key = { .backend_id = ctx->user_port };
	struct backend4 *found = bpf_map_lookup_elem(&cm4_backends, &key);
	return found->state == can_set_retval;
}
char _license[] SEC("license") = "GPL";
`;

/** No two rounds of its loop are the same to the verifier. */
const ENDLESS = `${OURS}
SEC("cgroup/connect4")
int cm_connect4(struct bpf_sock_addr *ctx)
{
	struct backend_key key = {};
	__u32 sum = 0;

	for (__u32 at = 0; at < 1000000; at++) {
		key.backend_id = at;
		if (bpf_map_lookup_elem(&cm4_backends, &key))
			sum += at ^ sum << 1;
	}
	return sum == can_set_retval;
}
char _license[] SEC("license") = "GPL";
`;

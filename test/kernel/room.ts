// A place to try the datapath in: a network namespace, a cgroup and a BPF file system of its own, and the compiled object. What
// it makes it removes. Needs root, clang, make, iproute2 and util-linux.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { COMPILED_OBJECT } from '../../agent/datapath/index.ts';
import { mountBpffs, unmountBpffs } from '../../lab/bpffs.ts';
import { cgroup2Mount, createCgroup, killCgroup, removeCgroup } from '../../lab/cgroup.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { configureNetns, createNetns, deleteNetns } from '../../lab/netns.ts';
import { commandAt } from '../../lab/place.ts';
import { packageRoot } from '../../runtime/package-root.ts';

/** For `describe.skipIf`: under CI nothing is skipped. */
export const skipped =
  process.env.CI === undefined &&
  (process.getuid?.() !== 0 || skippedWithout('clang', 'make', 'ip', 'nsenter') || cgroup2Mount() === undefined);

export interface Room {
  readonly dir: string;
  readonly bpffs: string;
  readonly cgroup: string;
  readonly netns: string;
  readonly objectPath: string;
  /** The client of dial.c, in the namespace and in the cgroup, or in another room's cgroup. */
  startClient(inCgroup?: string): Promise<Client>;
  /** Another program of this folder that answers lines, in the same places. */
  startProgram(program: string, ...args: readonly string[]): Client;
  /** Runs a program of this folder to its end, in the namespace and in the cgroup. */
  run(program: string, ...args: readonly string[]): Promise<void>;
  /** The backends of answer.c, in the namespace and outside the cgroup. */
  startBackends(...endpoints: readonly string[]): Promise<void>;
  remove(): Promise<void>;
}

export interface Client {
  /** One command, and the line it answers with. */
  ask(command: string): Promise<string>;
  /** Several, and their answers. */
  do(...commands: readonly string[]): Promise<readonly string[]>;
}

let rooms = 0;

/** `addresses` exist on the namespace's loopback device; nothing else is reachable from there. */
export async function makeRoom(...addresses: readonly string[]): Promise<Room> {
  rooms += 1;
  const name = `cm-test-${process.pid}-${rooms}`;
  const dir = mkdtempSync(join(tmpdir(), `${name}-`));
  const bpffs = join(dir, 'bpffs');
  const cgroup = join(cgroup2Mount() ?? '/sys/fs/cgroup', name);
  const objectPath = compileObject();
  const children: ChildProcess[] = [];
  const start = (command: string, args: readonly string[], place: { readonly cgroup?: string }) => {
    const line = commandAt({ netns: name, ...place }, { command, args });
    const child = spawn(line.command, line.args, { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  };

  const remove = async (): Promise<void> => {
    for (const child of children) child.kill('SIGKILL');
    killCgroup(cgroup);
    await removeCgroup(cgroup);
    await deleteNetns(name);
    await unmountBpffs(bpffs);
    rmSync(dir, { recursive: true, force: true });
  };

  try {
    await mountBpffs(bpffs);
    createCgroup(cgroup);
    await createNetns(name);
    await configureNetns(
      name,
      // An IPv6 address is used at once only where nobody looks first whether another host has it.
      addresses.map((address) => `addr add ${address}${address.includes(':') ? '/128 dev lo nodad' : '/32 dev lo'}`),
    );
  } catch (error) {
    await remove();
    throw error;
  }

  return {
    dir,
    bpffs,
    cgroup,
    netns: name,
    objectPath,
    startClient: async (inCgroup = cgroup) => talkTo(start(compile(dir, 'dial'), [], { cgroup: inCgroup })),
    startProgram: (program, ...args) => talkTo(start(compile(dir, program), args, { cgroup })),
    async run(program, ...args) {
      const child = start(compile(dir, program), args, { cgroup });
      const [code] = await once(child, 'exit');
      if (code !== 0) throw new Error(`${program} ended with ${code}`);
    },
    async startBackends(...endpoints) {
      const child = start(compile(dir, 'answer'), endpoints, {});
      await linesOf(child).next();
    },
    remove,
  };
}

export function compileObject(): string {
  execFileSync('make', ['-s', '-C', dirname(COMPILED_OBJECT)]);
  return COMPILED_OBJECT;
}

function compile(dir: string, name: string): string {
  const out = join(dir, name);
  const source = join(packageRoot(), 'test/kernel', `${name}.c`);
  execFileSync('clang', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', out, source]);
  return out;
}

function talkTo(child: ChildProcess): Client {
  const lines = linesOf(child);
  const ask = async (command: string): Promise<string> => {
    child.stdin?.write(`${command}\n`);
    const answer = await lines.next();
    if (answer.done === true) throw new Error(`the client ended at: ${command}`);
    return answer.value;
  };
  return {
    ask,
    async do(...commands) {
      const answers: string[] = [];
      for (const command of commands) answers.push(await ask(command));
      return answers;
    },
  };
}

function linesOf(child: ChildProcess): AsyncIterator<string> {
  if (child.stdout === null) throw new Error('started without a pipe');
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

// The network namespaces of a node, and the sockets in them. A namespace is found by the processes that run in it: those that
// this process can see, which are all of the node's where it is in the node's pid namespace. A namespace in which nothing runs
// has no application that would wait for an answer.

import { closeSync, fstatSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { errnoText } from '../../../runtime/errno.ts';
import { OperationalError } from '../../../runtime/errors.ts';
import type { NamespaceSockets, NodeNamespaces, NodeSockets } from '../port.ts';
import { openDiagSocket } from './diag-socket.ts';
import { inNamespace } from './enter.ts';

/** Looking a process up takes some microseconds: this many are a millisecond. */
const PROCESSES_PER_TURN = 64;

export class KernelNodeSockets implements NodeSockets {
  async namespaces(pause: () => Promise<void> | undefined): Promise<NodeNamespaces> {
    const own = statSync('/proc/self/ns/net').ino;
    const paths = new Map<number, string[]>();
    let hiddenProcesses = 0;
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    for (const [index, pid] of processes.entries()) {
      if (index % PROCESSES_PER_TURN === 0) await pause();
      const path = `/proc/${pid}/ns/net`;
      const id = namespaceAt(path);
      if (id === 'hidden') hiddenProcesses += 1;
      else if (id !== undefined && id !== own) addPath(paths, id, path);
    }
    const others = [...paths].map(([id, ways]) => ({ id, open: () => openByAny(ways, id) }));
    return { doors: [{ id: own, open: openDiagSocket }, ...others], hiddenProcesses };
  }
}

/** Processes come and go: a namespace is reached by the first of these that is still there. */
const WAYS_MAX = 4;

function addPath(paths: Map<number, string[]>, id: number, path: string): void {
  const ways = paths.get(id);
  if (ways === undefined) paths.set(id, [path]);
  else if (ways.length < WAYS_MAX) ways.push(path);
}

function openByAny(ways: readonly string[], id: number): NamespaceSockets | undefined {
  for (const path of ways) {
    const inside = openInside(path, id);
    if (inside !== undefined) return inside;
  }
  return undefined;
}

/** Undefined for a process that ended. */
function namespaceAt(path: string): number | 'hidden' | undefined {
  try {
    // `net:[4026531840]`
    const id = /^net:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return id === undefined ? undefined : Number(id);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? 'hidden' : undefined;
  }
}

/** Undefined where the process ended meanwhile, or its number is another one's now. */
function openInside(path: string, id: number): NamespaceSockets | undefined {
  const fd = openIfThere(path);
  if (fd === undefined) return undefined;
  try {
    if (fstatSync(fd).ino !== id) return undefined;
    const entered = inNamespace(fd, openDiagSocket);
    if ('value' in entered) return entered.value;
    throw new OperationalError({
      code: 'SOCKETS_NAMESPACE_CLOSED',
      operation: 'enter network namespace',
      subject: `${id}`,
      reason: errnoText(entered.errno),
      hint: 'run as root, or grant CAP_SYS_ADMIN',
    });
  } finally {
    closeSync(fd);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}

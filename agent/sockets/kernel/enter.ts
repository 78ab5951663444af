// Runs a short piece of synchronous work in another network namespace. Only the calling thread goes there; a thread that could
// not come back would do everything else there too, dial API servers and listen included, so the process ends instead.

import { closeSync, openSync, writeSync } from 'node:fs';
import { errnoText } from '../../../runtime/errno.ts';
import { loadLibc } from './libc.ts';

const CLONE_NEWNET = 0x4000_0000;
const OWN = '/proc/thread-self/ns/net';
/** EX_OSERR of sysexits.h. */
const EXIT_CODE = 71;
const CODE = 'SOCKETS_NAMESPACE_LOST';

export type Entered<T> = { readonly value: T } | { readonly errno: number };

/** `fd` is an open namespace; `work` may not be asynchronous. */
export function inNamespace<T>(fd: number, work: () => T): Entered<T> {
  const { calls, errno } = loadLibc();
  const home = openSync(OWN, 'r');
  try {
    if (calls.setns(fd, CLONE_NEWNET) < 0) return { errno: errno() };
    try {
      return { value: work() };
    } finally {
      if (calls.setns(home, CLONE_NEWNET) < 0) endProcess(errno());
    }
  } finally {
    closeSync(home);
  }
}

/** Straight to standard error: nothing that needs another turn of the event loop may run any more. */
function endProcess(errno: number): never {
  const end = 'the process ends, so that it does not go on in another one';
  writeSync(2, `[${CODE}] return to the own network namespace: ${errnoText(errno)} (${end})\n`);
  process.exit(EXIT_CODE);
}

// The calls of libc that netlink and network namespaces need, typed. All are synchronous and on the calling thread, and have to
// be: setns(2) moves one thread into another namespace, and an asynchronous call would run on a thread that was not moved.

import koffi from 'koffi';

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  setns(fd: number, kind: number): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number;
}

export interface LoadedLibc {
  readonly calls: Libc;
  /** Of the last call that returned -1. */
  errno(): number;
}

let loaded: LoadedLibc | undefined;

export function loadLibc(): LoadedLibc {
  loaded ??= load();
  return loaded;
}

function load(): LoadedLibc {
  const library = koffi.load(null);
  return {
    calls: {
      socket: library.func('int socket(int domain, int type, int protocol)'),
      setns: library.func('int setns(int fd, int kind)'),
      send: library.func('long send(int fd, const void *bytes, size_t length, int flags)'),
      recv: library.func('long recv(int fd, void *bytes, size_t length, int flags)'),
    },
    errno: () => koffi.errno(),
  };
}

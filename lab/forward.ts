// A TCP port on loopback that leads to a unix socket, so that a browser reaches a process inside a namespace.

import { connect, createServer, type Socket } from 'node:net';

export interface Forward {
  readonly port: number;
  close(): Promise<void>;
}

export function forwardTo(socketPath: string): Promise<Forward> {
  const open = new Set<Socket>();
  const server = createServer((from) => {
    const to = connect(socketPath);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => open.delete(one));
    }
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : 0,
        close: () => {
          for (const socket of open) socket.destroy();
          return new Promise<void>((closed) => server.close(() => closed()));
        },
      });
    });
  });
}

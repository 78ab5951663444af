// A TCP proxy on loopback that fails on command: cuts connections, refuses them, swallows one or both directions, or cuts
// each connection after so many bytes. Network failure without root.

import { createConnection, createServer, type Socket } from 'node:net';

export type Direction = 'to-client' | 'to-server';

export interface CutProxy {
  /** `host:port`, in place of the target. */
  readonly endpoint: string;
  readonly connections: number;
  /** Resets what is open; new connections are let in. */
  cut(): void;
  /** Resets what is open and every new connection, until `accept`. */
  refuse(): void;
  accept(): void;
  /** Swallows nothing but lets nothing through, on open and new connections: the peer sees silence. */
  pause(...directions: readonly Direction[]): void;
  resume(): void;
  /** Cuts each connection once so many bytes went to its client; undefined lifts it. */
  cutAfter(bytesToClient: number | undefined): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  bytesToClient: number;
}

/** `target` is `host:port`. */
export async function startCutProxy(target: string): Promise<CutProxy> {
  const colon = target.lastIndexOf(':');
  const host = target.slice(0, colon);
  const port = Number(target.slice(colon + 1));
  const pairs = new Set<Pair>();
  let refusing = false;
  let paused: readonly Direction[] = [];
  let bytesMax: number | undefined;

  const drop = (pair: Pair): void => {
    pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  };
  const applyPause = (pair: Pair): void => {
    for (const [socket, direction] of [
      [pair.server, 'to-client'],
      [pair.client, 'to-server'],
    ] as const) {
      if (paused.includes(direction)) socket.pause();
      else socket.resume();
    }
  };

  const listener = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {});
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = createConnection({ host, port, noDelay: true });
    const pair: Pair = { client, server, bytesToClient: 0 };
    pairs.add(pair);
    server.on('error', () => drop(pair));
    client.on('close', () => drop(pair));
    server.on('close', () => drop(pair));
    client.on('data', (chunk) => void server.write(chunk));
    server.on('data', (chunk) => {
      const left = bytesMax === undefined ? chunk.length : bytesMax - pair.bytesToClient;
      pair.bytesToClient += chunk.length;
      if (chunk.length <= left) client.write(chunk);
      else client.write(chunk.subarray(0, left), () => drop(pair));
    });
    applyPause(pair);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const address = listener.address();
  const listening = typeof address === 'object' && address !== null ? address.port : 0;
  const cut = (): void => {
    for (const pair of [...pairs]) drop(pair);
  };

  return {
    endpoint: `127.0.0.1:${listening}`,
    get connections() {
      return pairs.size;
    },
    cut,
    refuse() {
      refusing = true;
      cut();
    },
    accept() {
      refusing = false;
    },
    pause(...directions) {
      paused = directions;
      for (const pair of pairs) applyPause(pair);
    },
    resume() {
      paused = [];
      for (const pair of pairs) applyPause(pair);
    },
    cutAfter(bytesToClient) {
      bytesMax = bytesToClient;
    },
    async close() {
      cut();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}

// A server on loopback that takes streams, and is told by a test what to answer to each message. Not part of the agent.

import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';

export type ServerStream = ServerDuplexStream<Uint8Array, Uint8Array>;

/** `answer` is called for each message that comes. */
export async function startStreamServer(answer: (call: ServerStream, message: Buffer) => void) {
  const server = new Server();
  server.addService({ subscribe: { ...SUBSCRIBE, originalName: 'subscribe' } } as never, {
    subscribe: (call: ServerStream) => {
      call.on('error', () => {});
      call.on('data', (bytes: Uint8Array) => answer(call, Buffer.from(bytes)));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

// What every gRPC server of ours does alike: listening with an error that says what to do, and stopping within a time.

import type { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Clock } from './clock.ts';
import { listenError } from './listen.ts';

/** What is left of connections after this is closed without asking. */
const STOP_MS_MAX = 2_000;

/**
 * Listens on `address:port`, where port 0 takes a free one. Resolves with the port; rejects with LISTEN_ADDRESS_TAKEN or
 * LISTEN_FAILED.
 */
export const listenGrpc = (server: Server, listen: string, credentials: ServerCredentials): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(listenError(listen, error));
    });
  });

/** Lets calls that are under way end, and ends them when they do not. */
export const closeGrpc = (server: Server, clock: Clock): Promise<void> =>
  new Promise((resolve) => {
    const cancel = clock.after(STOP_MS_MAX, () => {
      server.forceShutdown();
      resolve();
    });
    server.tryShutdown(() => {
      cancel();
      resolve();
    });
  });

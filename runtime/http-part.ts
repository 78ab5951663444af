// The HTTP server as a part of a process: listens when the process starts, and is closed when it stops.

import { type HttpServer, type HttpTls, type Route, serveHttp } from './http.ts';
import type { Part } from './lifecycle.ts';
import type { Log } from './log.ts';

/** `listen`: one address or several; `tls` counts for all of them but unix sockets. */
export function httpPart(listen: string | readonly string[], routes: readonly Route[], log: Log, tls?: HttpTls): Part {
  const servers: HttpServer[] = [];
  const stop = async () => {
    await Promise.all(servers.splice(0).map((server) => server.close()));
  };
  return {
    name: 'http',
    start: async () => {
      try {
        for (const address of [listen].flat()) {
          const server = await serveHttp(address, routes, log.child({ part: 'http' }), tls);
          servers.push(server);
          log.info('listening', { http: server.address });
        }
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}

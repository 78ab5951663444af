// The HTTP server as a part of a process: listens when the process starts, and is closed when it stops.

import { type HttpServer, type Route, serveHttp } from './http.ts';
import type { Part } from './lifecycle.ts';
import type { Log } from './log.ts';

export function httpPart(listen: string, routes: readonly Route[], log: Log): Part {
  let server: HttpServer | undefined;
  return {
    name: 'http',
    start: async () => {
      server = await serveHttp(listen, routes, log.child({ part: 'http' }));
      log.info('listening', { http: server.address });
    },
    stop: async () => server?.close(),
  };
}

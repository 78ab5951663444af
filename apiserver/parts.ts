// Parts of the process that need a few lines around what they start.

import type { Health } from '../runtime/health.ts';
import { type HttpServer, type Route, serveHttp } from '../runtime/http.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { Log } from '../runtime/log.ts';
import type { ClusterObjects } from './sources/objects.ts';
import type { Source } from './sources/port.ts';

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

/** A source with faults is degraded: what was good before is still published. */
export function sourceHealth(source: Source, health: Health): void {
  const errors = source.problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) health.set('source', 'ok');
  else health.set('source', 'degraded', `${errors.length} faults; ${first.file}:${first.line}: ${first.reason}`);
}

export function sourcePart(source: Source, health: Health): Part {
  health.set('source', 'starting', 'not read yet');
  source.ready.then(
    () => sourceHealth(source, health),
    () => {},
  );
  return { name: 'source', run: (signal) => source.run(signal) };
}

export const objectCount = (objects: ClusterObjects): number =>
  [objects.namespaces, objects.services, objects.endpointSlices, objects.nodes, objects.pods].reduce(
    (sum, table) => sum + table.size,
    0,
  );

export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

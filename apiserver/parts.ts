// Parts of the process that need a few lines around what they start.

import { counted } from '../mesh/model/counted.ts';
import type { Health } from '../runtime/health.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import type { PublisherState } from './publisher/publisher.ts';
import type { ApiServerTls } from './settings.ts';
import type { ClusterObjects } from './sources/objects.ts';
import type { Source } from './sources/port.ts';

/** A source with faults is degraded: what was good before is still published. */
export function sourceHealth(source: Source, health: Health): void {
  const errors = source.problems.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  if (first === undefined) health.set('source', 'ok');
  else {
    const faults = counted(errors.length, 'fault');
    health.set('source', 'degraded', `${faults}; ${first.file}:${first.line}: ${first.reason}`);
  }
}

/** Files that are broken now, of each connection; what was good before is still in use. */
export function tlsHealth(tls: ApiServerTls, health: Health): void {
  const faulty = Object.values(tls).find((files: TlsFilesFollower) => files.problems.size > 0);
  const [first] = faulty?.problems ?? [];
  const inUse = faulty?.pair === undefined ? 'there is no earlier one' : 'the last good one is in use';
  if (first === undefined) health.set('tls', 'ok');
  else health.set('tls', 'degraded', `[TLS_FILES] ${first[0]}: ${first[1]}; ${inUse}`);
}

/** An error of long ago says nothing about what waits now; retries come at least this often. */
const WRITE_ERROR_MS = 60_000;

/** What the leader cannot write is not published, or not taken over from peers; what is there stays. */
export function writeHealth(
  publisher: PublisherState,
  reflector: { readonly depth: number; readonly lastError: unknown },
  health: Health,
  now: number,
): void {
  const { lastError, queueDepth } = publisher;
  const unpublished = queueDepth > 0 && lastError !== undefined && now - lastError.at < WRITE_ERROR_MS;
  if (unpublished) health.set('publish', 'degraded', waiting(queueDepth, lastError));
  else health.set('publish', 'ok');
  const unreflected = reflector.depth > 0 && reflector.lastError instanceof Error;
  if (unreflected) health.set('reflect', 'degraded', waiting(reflector.depth, reflector.lastError));
  else health.set('reflect', 'ok');
}

const waiting = (count: number, { message }: { readonly message: string }): string =>
  `${counted(count, 'change waits', 'changes wait')}: ${message}`;

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

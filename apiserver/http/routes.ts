// The HTTP API of a mesh API server: what it says of itself, of its services and of the conflicts that it found. Documents are
// made when asked for, from what the parts hold.

import type { Health } from '../../runtime/health.ts';
import type { HttpAnswer, Route } from '../../runtime/http.ts';
import { SOFTWARE_VERSION } from '../../runtime/version.ts';
import type { ServicesDocument, StatusDocument } from '../status.ts';
import { type ConflictRouteDeps, conflictRoutes } from './conflict-routes.ts';
import { openApiDocument } from './openapi.ts';

export interface RouteDeps extends ConflictRouteDeps {
  readonly health: Health;
  readonly status: () => StatusDocument;
  readonly services: () => ServicesDocument;
  readonly metrics: () => Promise<string>;
}

export function apiRoutes(deps: RouteDeps): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  const measure = (path: string, handle: Route['handle']): Route => ({ ...get(path, handle), measures: true });
  return [
    measure('/healthz', () => ({ json: { status: 'ok' } })),
    measure('/readyz', () => readiness(deps.health)),
    measure('/metrics', async () => ({ text: await deps.metrics(), contentType: 'text/plain; version=0.0.4' })),
    get('/openapi.json', () => ({ json: openApiDocument(SOFTWARE_VERSION) })),
    get('/v1/status', () => ({ json: deps.status() })),
    get('/v1/services', () => ({ json: deps.services() })),
    ...conflictRoutes(deps),
  ];
}

function readiness(health: Health): HttpAnswer {
  const parts = Object.fromEntries(health.entries);
  return { status: health.ready ? 200 : 503, json: { status: health.ready ? 'ready' : 'starting', parts } };
}

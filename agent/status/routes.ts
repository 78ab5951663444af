// The HTTP API of an agent: what it says of itself and of the maps of its node. Reading only.

import type { Health } from '../../runtime/health.ts';
import type { HttpAnswer, Route } from '../../runtime/http.ts';
import type { MapsDocument } from '../maps/describe.ts';
import type { MapsCheckDocument } from '../reconcile/check.ts';
import type { AgentStatusDocument } from './document.ts';

export interface AgentRouteDeps {
  readonly health: Health;
  readonly status: () => AgentStatusDocument;
  /** Read from the maps when asked for. */
  readonly maps: () => Promise<MapsDocument>;
  /** The maps against what is desired. */
  readonly check: () => Promise<MapsCheckDocument>;
  readonly metrics: () => Promise<string>;
}

export function agentRoutes({ health, status, maps, check, metrics }: AgentRouteDeps): readonly Route[] {
  const get = (path: string, handle: Route['handle']): Route => ({ method: 'GET', path, handle });
  return [
    get('/healthz', () => ({ json: { status: 'ok' } })),
    get('/readyz', () => readiness(health)),
    get('/metrics', async () => ({ text: await metrics(), contentType: 'text/plain; version=0.0.4' })),
    get('/v1/status', () => ({ json: status() })),
    get('/v1/maps', async () => ({ json: await maps() })),
    get('/v1/maps/check', async () => ({ json: await check() })),
  ];
}

/** Ready once the first whole snapshot is in the maps. A lost API server does not make a node unready: its maps stand. */
function readiness(health: Health): HttpAnswer {
  const parts = Object.fromEntries(health.entries);
  return { status: health.ready ? 200 : 503, json: { status: health.ready ? 'ready' : 'starting', parts } };
}

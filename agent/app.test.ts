// Given an agent on maps in memory, what it says of itself follows what its API server has told it.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterId, ClusterName, Revision } from '../mesh/model/names.ts';
import type { MeshSnapshot } from '../mesh/snapshot/snapshot.ts';
import { systemClock } from '../runtime/clock.ts';
import { Health } from '../runtime/health.ts';
import type { Route } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { seededRandom } from '../runtime/random.ts';
import { type AgentApp, createAgentApp } from './app.ts';
import { systemLoop } from './breather.ts';
import { backend, port, service } from './desired/sample.ts';
import { MemoryMaps } from './maps/memory.ts';
import { createAgentMetrics } from './status/metrics.ts';
import { agentRoutes } from './status/routes.ts';
import { StartTimes } from './status/start-times.ts';
import type { SnapshotListener, Upstream, UpstreamState } from './upstream/port.ts';

let publish: SnapshotListener;
let state: UpstreamState;
let app: AgentApp;
let routes: readonly Route[];
let stop: AbortController;
let running: Promise<void>;

beforeEach(() => {
  state = { connected: true, server: 'west:9878' };
  const upstream: Omit<Upstream, 'run'> = {
    current: undefined,
    get state() {
      return state;
    },
    onSnapshot: (listener) => {
      publish = listener;
      return () => {};
    },
    acknowledge: () => {},
  };
  const health = new Health(systemClock);
  const maps = new MemoryMaps({ sizes: { services: 5 } });
  const deps = {
    clock: systemClock,
    random: seededRandom(1),
    log: silentLog,
    loop: systemLoop,
    health,
    maps,
    upstream,
    closeSockets: [],
    start: new StartTimes(systemClock, silentLog),
  };
  const observe = { always: false, sampleEvery: 1, perSecond: 1_000 };
  app = createAgentApp({ ...deps, node: 'w1', cluster: 'west', observe });
  const metrics = createAgentMetrics(
    app.status,
    () => app.observation.counters(),
    () => maps.countProgramRows(),
    () => Date.UTC(2026, 5, 1),
    () => 0,
  );
  routes = agentRoutes({ health, status: app.status, maps: app.describeMaps, check: app.checkMaps, metrics });
  stop = new AbortController();
  running = app.run(stop.signal);
});
afterEach(async () => {
  stop.abort();
  await running;
});

async function get(path: string): Promise<{ status?: number; json?: unknown; text?: string }> {
  const route = routes.find((each) => each.path === path);
  const answer = await route?.handle({ method: 'GET', path, params: {}, query: new URLSearchParams(), accept: '' });
  return answer as { status?: number; json?: unknown; text?: string };
}

const snapshot: MeshSnapshot = {
  position: { storeId: '00000000000000aa', revision: 42 as Revision },
  cluster: 'west' as ClusterName,
  clusters: new Map([
    ['west' as ClusterName, 1 as ClusterId],
    ['peer-2' as ClusterName, 2 as ClusterId],
  ]),
  services: new Map(
    [
      service({ key: 'shop/cart', backends: [backend('10.1.0.1'), backend('10.2.0.1')] }),
      service({
        key: 'shop/big',
        frontends: ['172.20.0.11'],
        ports: [port(80), port(9, 's', 'SCTP')],
        backends: ['10.1.0.1', '10.1.0.2'],
      }),
      service({ key: 'shop/none', frontends: ['172.20.0.12'], ports: [port(1, '', 'UDP')], backends: [] }),
    ].map((each) => [each.key, each]),
  ),
};

test('before the first snapshot it is not ready', async () => {
  expect((await get('/readyz')).status).toBe(503);
  expect((await get('/healthz')).json).toEqual({ status: 'ok' });
  expect(app.status()).toMatchObject({
    snapshot: { revision: undefined, services: 0 },
    programmed: { revision: undefined, services: 0 },
  });
});

test('what is not programmed yet waits', async () => {
  publish(snapshot, 'all');
  expect(app.status().waiting).toEqual({ services: 3, frontends: 0, backends: 0 });
  expect((await get('/metrics')).text).toMatch(/clustermesh_agent_queue_depth\{queue="backends"\} \d/);
  await vi.waitFor(() => expect(app.status().waiting).toEqual({ services: 0, frontends: 0, backends: 0 }));
});

test('after it, status, maps and metrics tell what is programmed and what is not', async () => {
  publish(snapshot, 'all');
  await vi.waitFor(async () => expect((await get('/readyz')).status).toBe(200));
  state = { connected: false, staleSince: systemClock.monotonic(), lastError: 'gone', server: 'west:9878' };
  const status = app.status();
  expect(status).toMatchObject({
    node: 'w1',
    datapath: 'memory',
    upstream: { connected: false, server: 'west:9878', last_error: 'gone' },
    snapshot: { revision: 42, services: 3 },
    programmed: { revision: 42, services: 2, frontends: 2, backends: 2 },
    maps: { services: { entries: 4, size: 5 } },
    health: { maps: { state: 'degraded' } },
  });
  expect(status.refused.map(({ service, code }) => `${service} ${code}`)).toEqual([
    'shop/big AGENT_UNSUPPORTED',
    'shop/cart CM-KERN-001',
  ]);
  const maps = await app.describeMaps();
  expect(maps.services.map(({ service, backends }) => [service, ...backends.map(({ cluster }) => cluster)])).toEqual([
    ['shop/big', 'west', 'west'],
    ['shop/none'],
  ]);
  expect((await get('/v1/maps/check')).json).toMatchObject({ compared: true, frontends: 2, differences: [] });
  const metrics = (await get('/metrics')).text;
  expect(metrics).toContain('clustermesh_agent_programmed_revision 42');
  expect(metrics).toContain('clustermesh_agent_certificate_expiry_timestamp_seconds{certificate="agent"} 1780272000');
});

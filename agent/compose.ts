// The composition of an agent out of its configuration: the parts of its process, in the order in which they start. Which maps there
// are is chosen by main.ts. The upstream is at work while the maps are opened, which takes the kernel a while; what needs
// the maps is made once they are open.

import { rpcDnsName } from '../mesh/model/certificate-names.ts';
import { type ClusterName, parseClusterName } from '../mesh/model/names.ts';
import { ADDRESS_STREAM, TOLD_CERTIFICATES } from '../mesh/wire/mesh-method.ts';
import { OperationalError } from '../runtime/errors.ts';
import { Health } from '../runtime/health.ts';
import type { Route } from '../runtime/http.ts';
import { httpPart } from '../runtime/http-part.ts';
import { type Part, partMadeAtStart } from '../runtime/lifecycle.ts';
import { channelCredentials } from '../runtime/tls/shared-credentials.ts';
import { openTlsFiles, type TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import type { FollowAddresses } from './addresses/compose.ts';
import { addressRoutes } from './addresses/routes.ts';
import { type AgentApp, type AgentAppDeps, type AgentDeps, createAgentApp, type TellingMaps } from './app.ts';
import type { AgentConfig } from './config.ts';
import type { SocketProtocol } from './sockets/port.ts';
import { watchLoopDelay } from './status/loop-delay.ts';
import { createAgentMetrics } from './status/metrics.ts';
import { certificateHealth, ownCertificate, validityReader } from './status/own-certificate.ts';
import { createProgramMapUse } from './status/program-map-use.ts';
import { agentRoutes } from './status/routes.ts';
import { trafficRoutes } from './traffic/routes.ts';
import { AddressUpstream } from './upstream/address-upstream.ts';
import { createGrpcUpstream } from './upstream/grpc-upstream.ts';
import type { UpstreamState } from './upstream/port.ts';
import { saidTrust } from './upstream/said-trust.ts';

/** Maps of millions of rows that have to be made anew, because their size or layout changed, are copied row by row. */
const OPEN_MAPS_MS_MAX = 10 * 60_000;

/** Rejects where the configuration or its files cannot serve. */
export async function composeAgent(
  config: AgentConfig,
  openMaps: () => Promise<TellingMaps>,
  deps: AgentDeps,
): Promise<readonly Part[]> {
  const { clock, random, log, start } = deps;
  const cluster = clusterName(config);
  const withheld = new Set(config.withhold);
  const health = new Health(clock);
  const tls = await openTlsFiles(config.tls, { clock, log: log.child({ part: 'tls' }) });
  const servers = {
    servers: config.servers,
    credentials: channelCredentials(tls.source),
    serverName: rpcDnsName(cluster),
    node: config.node.name,
    clock,
    random,
  };
  const upstream = createGrpcUpstream({
    ...servers,
    software: SOFTWARE_VERSION,
    ...(withheld.has(TOLD_CERTIFICATES) ? {} : { trust: saidTrust(tls.source) }),
    log: log.child({ part: 'upstream' }),
    onState: (state) => {
      if (state.connected) start.reached('connected');
      upstreamHealth(health, state);
    },
  });
  upstream.onSnapshot(() => start.reached('snapshot'));
  health.set('upstream', 'starting', 'not connected yet');
  const followAddresses: FollowAddresses = (receive) =>
    new AddressUpstream({
      ...servers,
      credentials: channelCredentials(tls.source),
      log: log.child({ part: 'addresses' }),
      receive,
    });

  let opened: Opened | undefined;
  const agent = (): Opened => {
    if (opened === undefined) throw new Error('the maps are not open');
    return opened;
  };
  const open = async (): Promise<void> => {
    const maps = await openMaps();
    start.reached('programs');
    const appDeps = {
      ...deps,
      node: config.node.name,
      cluster,
      upstream,
      maps,
      health,
      observe: config.datapath.observe,
      closeSockets: protocolsToClose(config.datapath.closeSockets),
      ...(config.datapath.ipcache && !withheld.has(ADDRESS_STREAM) ? { followAddresses } : {}),
    };
    const app = createAgentApp(appDeps);
    opened = { maps, app, routes: routesOf(app, appDeps, tls) };
  };
  return [
    { name: 'tls', run: (signal) => tls.run(signal) },
    { name: 'upstream', run: (signal) => upstream.run(signal) },
    { name: 'maps', start: open, stop: async () => opened?.maps.close(), startDeadlineMs: OPEN_MAPS_MS_MAX },
    partMadeAtStart('http', () => httpPart(config.http.listen, agent().routes, log)),
    { name: 'agent', run: (signal) => agent().app.run(signal) },
  ];
}

interface Opened {
  readonly maps: TellingMaps;
  readonly app: AgentApp;
  readonly routes: readonly Route[];
}

function routesOf(app: AgentApp, { maps, health, clock }: AgentAppDeps, tls: TlsFilesFollower): readonly Route[] {
  const { observation, addresses } = app;
  const validityOf = validityReader();
  const certificate = () => ownCertificate(tls.inUse, clock.now(), validityOf);
  const status = () => {
    certificateHealth(certificate(), health);
    return app.status();
  };
  const metrics = createAgentMetrics(
    status,
    () => observation.counters(),
    createProgramMapUse(maps, clock),
    () => certificate().notAfter,
    watchLoopDelay(),
  );
  return [
    ...agentRoutes({ health, status, maps: () => app.describeMaps(), check: () => app.checkMaps(), metrics }),
    ...trafficRoutes(observation, clock),
    ...addressRoutes(addresses),
  ];
}

const protocolsToClose = ({ udp, tcp }: AgentConfig['datapath']['closeSockets']): readonly SocketProtocol[] => [
  ...(udp ? (['UDP'] as const) : []),
  ...(tcp ? (['TCP'] as const) : []),
];

function clusterName({ cluster }: AgentConfig): ClusterName {
  const name = parseClusterName(cluster.name);
  if (name.ok) return name.value;
  throw new OperationalError({
    code: 'CONFIG_INVALID',
    operation: 'read cluster.name',
    subject: cluster.name,
    reason: name.error,
  });
}

/** A node whose API servers are gone keeps what it has: that is degraded, and ready all the same. */
function upstreamHealth(health: Health, { connected, lastError }: UpstreamState): void {
  if (connected) health.set('upstream', 'ok');
  else health.set('upstream', 'degraded', lastError ?? 'no API server is connected');
}

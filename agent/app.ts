// The composition of an agent: upstream → desired → maps → acknowledgement, and what it says of itself. Which maps there are
// is chosen by main.ts. Nothing is decided here; the parts are in their folders.

import { rpcDnsName } from '../mesh/model/certificate-names.ts';
import { type ClusterName, parseClusterName } from '../mesh/model/names.ts';
import type { Clock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import { Health } from '../runtime/health.ts';
import { httpPart } from '../runtime/http-part.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { channelCredentials } from '../runtime/tls/certificate-source.ts';
import { openTlsFiles } from '../runtime/tls/tls-files.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { type AgentAddresses, composeAddresses, type FollowAddresses } from './addresses/compose.ts';
import { addressRoutes } from './addresses/routes.ts';
import { createBreather } from './breather.ts';
import type { AgentConfig } from './config.ts';
import type { FrontendName } from './desired/names.ts';
import { describeMaps, type MapsDocument } from './maps/describe.ts';
import { describeAffinity } from './maps/describe-affinity.ts';
import type { ServiceMaps } from './maps/port.ts';
import { checkMaps, type MapsCheckDocument } from './reconcile/check.ts';
import { observe } from './reconcile/observe.ts';
import { Programmer } from './reconcile/programmer.ts';
import { sizesOf } from './reconcile/sizes.ts';
import { SocketCloser } from './sockets/closer.ts';
import type { DialledServices, NodeSockets, SocketProtocol } from './sockets/port.ts';
import { type AgentStatusDocument, agentStatus } from './status/document.ts';
import { watchLoopDelay } from './status/loop-delay.ts';
import { createAgentMetrics } from './status/metrics.ts';
import { certificateHealth, ownCertificate } from './status/own-certificate.ts';
import { createProgramMapUse } from './status/program-map-use.ts';
import { agentRoutes } from './status/routes.ts';
import type { TrafficNames } from './traffic/document.ts';
import { Observation, type ObservationSettings } from './traffic/observation.ts';
import type { Traffic } from './traffic/port.ts';
import { trafficRoutes } from './traffic/routes.ts';
import { AddressUpstream } from './upstream/address-upstream.ts';
import { createGrpcUpstream } from './upstream/grpc-upstream.ts';
import type { Upstream, UpstreamState } from './upstream/port.ts';

export interface AgentDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Resolves in a later turn of the event loop. */
  readonly nextTurn: () => Promise<void>;
}

export interface AgentAppDeps extends AgentDeps {
  readonly node: string;
  readonly cluster: string;
  readonly upstream: Upstream;
  readonly maps: TellingMaps;
  readonly health: Health;
  readonly observe: ObservationSettings;
  /** Whose sockets are closed when their backend is withdrawn. */
  readonly closeSockets: readonly SocketProtocol[];
  /** Absent where peers' addresses are not wanted. */
  readonly followAddresses?: FollowAddresses;
}

/** Maps, and what there is around programs; around maps in memory is nothing. */
export type TellingMaps = ServiceMaps & {
  readonly traffic?: Traffic;
  readonly dialled?: DialledServices;
  readonly sockets?: NodeSockets;
};

/** An agent without its adapters: what runs, and what it says of itself. */
export interface AgentApp {
  readonly programmer: Programmer;
  readonly observation: Observation;
  readonly addresses: AgentAddresses;
  run(signal: AbortSignal): Promise<void>;
  status(): AgentStatusDocument;
  /** Reads the maps; rejects when they cannot be read. */
  describeMaps(): Promise<MapsDocument>;
  /** Compares the maps with what is desired; rejects when they cannot be read. */
  checkMaps(): Promise<MapsCheckDocument>;
}

export function createAgentApp(deps: AgentAppDeps): AgentApp {
  const { upstream, maps, clock, nextTurn } = deps;
  const pause = createBreather(clock, nextTurn);
  const onPass = () => closer?.look();
  const programmer = new Programmer({ ...deps, pause, log: deps.log.child({ part: 'maps' }), onPass });
  const closer = socketCloser(deps, programmer);
  const addresses = composeAddresses({
    ...deps,
    clusters: () => programmer.snapshot?.clusters ?? new Map(),
    follow: deps.followAddresses,
    pause: createBreather(clock, nextTurn),
    log: deps.log.child({ part: 'addresses' }),
  });
  const observation = new Observation({
    traffic: maps.traffic,
    names: trafficNames(deps.node, programmer, addresses),
    settings: deps.observe,
    clock,
    nextTurn,
    log: deps.log.child({ part: 'traffic' }),
  });
  return {
    programmer,
    observation,
    addresses,
    run: async (signal) => {
      const parts = [upstream, programmer, observation, addresses, ...(closer === undefined ? [] : [closer])];
      await Promise.all(parts.map((part) => part.run(signal)));
    },
    status: () =>
      agentStatus({
        ...deps,
        software: SOFTWARE_VERSION,
        programmer,
        sockets: closer?.report,
        addresses: addresses.report,
      }),
    describeMaps: async () => {
      const image = await observe(maps, () => clock.monotonic(), createBreather(clock, nextTurn));
      const names = {
        clusters: programmer.snapshot?.clusters ?? new Map(),
        serviceOf: programmer.desired.serviceOf.bind(programmer.desired),
      };
      return describeMaps({
        image,
        datapath: maps.kind,
        sizes: sizesOf(maps),
        names,
        affinities: await describeAffinity(maps, image),
        programMaps: [ipcacheUse(addresses), ...(await maps.countProgramRows())],
      });
    },
    checkMaps: async () => {
      const { desired, reconciler } = programmer;
      const wanted = programmer.snapshot !== undefined;
      const now = () => clock.monotonic();
      const refusals = () => programmer.refusals();
      const check = { maps, desired, reconciler, refusals, wanted, now, pause: createBreather(clock, nextTurn) };
      return { ...(await checkMaps(check)), addresses: (await addresses.differences()) ?? null };
    },
  };
}

/** Parts in the order in which they start. Rejects where the configuration or its files cannot serve. */
export async function composeAgent(
  config: AgentConfig,
  openMaps: () => Promise<TellingMaps>,
  deps: AgentDeps,
): Promise<readonly Part[]> {
  const { clock, random, log } = deps;
  const cluster = clusterName(config);
  const health = new Health(clock);
  const tls = await openTlsFiles(config.tls, { clock, log: log.child({ part: 'tls' }) });
  const upstream = createGrpcUpstream({
    servers: config.servers,
    credentials: channelCredentials(tls.source),
    serverName: rpcDnsName(cluster),
    node: config.node.name,
    software: SOFTWARE_VERSION,
    clock,
    random,
    log: log.child({ part: 'upstream' }),
    onState: (state) => upstreamHealth(health, state),
  });
  health.set('upstream', 'starting', 'not connected yet');
  const followAddresses: FollowAddresses = (receive) =>
    new AddressUpstream({
      servers: config.servers,
      credentials: channelCredentials(tls.source),
      serverName: rpcDnsName(cluster),
      node: config.node.name,
      clock,
      random,
      log: log.child({ part: 'addresses' }),
      receive,
    });
  const maps = await openMaps();
  const app = createAgentApp({
    ...deps,
    node: config.node.name,
    cluster,
    upstream,
    maps,
    health,
    observe: config.datapath.observe,
    closeSockets: protocolsToClose(config.datapath.closeSockets),
    ...(config.datapath.ipcache ? { followAddresses } : {}),
  });
  const { observation } = app;
  const certificate = () => ownCertificate(tls.inUse, clock.now());
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
  const routes = agentRoutes({ health, status, maps: () => app.describeMaps(), check: () => app.checkMaps(), metrics });
  return [
    { name: 'maps', stop: async () => maps.close() },
    { name: 'tls', run: (signal) => tls.run(signal) },
    httpPart(
      config.http.listen,
      [...routes, ...trafficRoutes(observation, clock), ...addressRoutes(app.addresses)],
      log,
    ),
    { name: 'agent', run: (signal) => app.run(signal) },
  ];
}

function socketCloser(deps: AgentAppDeps, programmer: Programmer): SocketCloser | undefined {
  const { maps, closeSockets: protocols, clock, nextTurn } = deps;
  const { sockets, dialled } = maps;
  if (sockets === undefined || dialled === undefined || protocols.length === 0) return undefined;
  const { desired, reconciler } = programmer;
  return new SocketCloser({
    ...deps,
    sockets,
    dialled,
    protocols,
    standing: () => {
      const { image, departures } = reconciler;
      if (image === undefined || programmer.programmed === undefined) return undefined;
      return { mark: departures, image, wanted: (name) => desired.wanted(name) };
    },
    pause: createBreather(clock, nextTurn),
    log: deps.log.child({ part: 'sockets' }),
  });
}

const protocolsToClose = ({ udp, tcp }: AgentConfig['datapath']['closeSockets']): readonly SocketProtocol[] => [
  ...(udp ? (['UDP'] as const) : []),
  ...(tcp ? (['TCP'] as const) : []),
];

const ipcacheUse = ({ report }: AgentAddresses) => ({
  map: 'ipcache',
  entries: report.entries ?? 0,
  size: report.size,
});

function trafficNames(node: string, programmer: Programmer, addresses: AgentAddresses): TrafficNames {
  return {
    node,
    peerOf: (address) => addresses.peerOf(address),
    get clusters() {
      return programmer.snapshot?.clusters ?? new Map();
    },
    serviceOf: programmer.desired.serviceOf.bind(programmer.desired),
    frontends() {
      const { image } = programmer.reconciler;
      if (image === undefined) return undefined;
      const frontends = new Map<number, FrontendName>();
      for (const { frontend, master } of image.frontends()) if (master) frontends.set(master.serviceId, frontend.name);
      return frontends;
    },
  };
}

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

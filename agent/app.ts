// An agent around an upstream and maps: upstream → desired → maps → acknowledgement, and what it says of itself. Which upstream and
// which maps is not its knowledge (compose.ts, main.ts). Nothing is decided here; the parts are in their folders.

import type { Clock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { type AgentAddresses, composeAddresses, type FollowAddresses } from './addresses/compose.ts';
import { createBreather, type EventLoop } from './breather.ts';
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
import type { StartTimes } from './status/start-times.ts';
import type { TrafficNames } from './traffic/document.ts';
import { Observation, type ObservationSettings } from './traffic/observation.ts';
import type { Traffic } from './traffic/port.ts';
import type { Upstream } from './upstream/port.ts';

export interface AgentDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly loop: EventLoop;
  readonly start: StartTimes;
}

export interface AgentAppDeps extends AgentDeps {
  readonly node: string;
  readonly cluster: string;
  /** Whoever owns it runs it: it need not wait for the maps. */
  readonly upstream: Omit<Upstream, 'run'>;
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
  const { maps, clock, loop } = deps;
  const pause = createBreather(clock, loop);
  const onPass = () => closer?.look();
  const onStage = (stage: 'rows' | 'ready') => deps.start.reached(stage);
  const programmer = new Programmer({ ...deps, pause, log: deps.log.child({ part: 'maps' }), onStage, onPass });
  const closer = socketCloser(deps, programmer);
  const addresses = composeAddresses({
    ...deps,
    clusters: () => programmer.snapshot?.clusters ?? new Map(),
    follow: deps.followAddresses,
    pause: createBreather(clock, loop),
    log: deps.log.child({ part: 'addresses' }),
  });
  const observation = new Observation({
    traffic: maps.traffic,
    names: trafficNames(deps.node, programmer, addresses),
    settings: deps.observe,
    clock,
    nextTurn: loop.nextTurn,
    log: deps.log.child({ part: 'traffic' }),
  });
  return {
    programmer,
    observation,
    addresses,
    run: async (signal) => {
      const parts = [programmer, observation, addresses, ...(closer === undefined ? [] : [closer])];
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
      const image = await observe(maps, () => clock.monotonic(), createBreather(clock, loop));
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
      const check = { maps, desired, reconciler, refusals, wanted, now, pause: createBreather(clock, loop) };
      return { ...(await checkMaps(check)), addresses: (await addresses.differences()) ?? null };
    },
  };
}

function socketCloser(deps: AgentAppDeps, programmer: Programmer): SocketCloser | undefined {
  const { maps, closeSockets: protocols, clock, loop } = deps;
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
    pause: createBreather(clock, loop),
    log: deps.log.child({ part: 'sockets' }),
  });
}

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

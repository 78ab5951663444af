// What is to be programmed, before it has ids and bytes: frontends, the targets behind them, and the names that tell each
// apart. Names are also what a person reads: `172.20.0.10:80/TCP`.

import type { Family } from '../../mesh/model/address.ts';
import type { ClusterId, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import type { RefusedService } from '../../mesh/snapshot/ack.ts';
import type { MapName } from '../maps/port.ts';
import type { Target } from './targets.ts';

declare const brand: unique symbol;
/** `172.20.0.10:80/TCP`, `[fd00::a]:80/TCP`. */
export type FrontendName = string & { readonly [brand]: 'FrontendName' };
/** `10.1.0.7:8080/TCP#2`: the cluster id stands after the hash. */
export type TargetName = string & { readonly [brand]: 'TargetName' };

/** What the maps and programs can carry today. */
export type MapProtocol = 'TCP' | 'UDP';

export interface Frontend {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: MapProtocol;
}

export interface NamedFrontend extends Frontend {
  readonly name: FrontendName;
}

/** Where connections go. Two clusters may use one address: they are then two targets. */
export interface Destination extends Frontend {
  readonly clusterId: ClusterId;
}

/** One row group of the maps: a master and its slots. */
export interface DesiredFrontend extends NamedFrontend {
  /** Of the frontend's family. Active ones come first, then terminating ones, each part in a stable order; no target twice. */
  readonly backends: readonly Target[];
  /** How many of them are active. */
  readonly active: number;
  /** How many of them, from the first one on, new connections may get; with 0 a connection is rejected at once. */
  readonly count: number;
  /** For how many seconds a client stays with its backend; 0 without session affinity. */
  readonly affinityTimeout: number;
}

/** Why something is not programmed. What does not fit a map also says which, and what would help. */
export interface Refusal extends RefusedService {
  readonly room?: {
    readonly map: MapName;
    /** Entries that everything together would need. */
    readonly wanted: number;
    readonly size: number;
    /** The setting to raise. */
    readonly setting: string;
  };
}

/** Targets by their state, each part in the order of the service's backends. */
export interface Behind {
  readonly active: readonly Target[];
  readonly terminating: readonly Target[];
}

/** What stands behind one port of a service in one family. */
export interface BehindPort extends Behind {
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly family: Family;
}

/** A service as far as it can be programmed on any node, before it meets the others and the size of the maps. */
export interface DesiredService {
  readonly key: ServiceKey;
  /** Has a backend in the own cluster. */
  readonly local: boolean;
  readonly frontends: readonly DesiredFrontend[];
  readonly refused: readonly Refusal[];
  /** What it was made from and by way of: the next state of the service starts from there. */
  readonly source: MeshService;
  readonly behinds: readonly BehindPort[];
}

export const NO_TARGETS: readonly Target[] = [];

export function behindOf({ backends, active }: DesiredFrontend): Behind {
  if (active === backends.length) return { active: backends, terminating: NO_TARGETS };
  return { active: backends.slice(0, active), terminating: backends.slice(active) };
}

/** Those that new connections may get. */
export const selectedOf = ({ backends, count }: DesiredFrontend): readonly Target[] =>
  count === backends.length ? backends : backends.slice(0, count);

/** Those that only keep the connections they have. */
export const drainingOf = ({ backends, count }: DesiredFrontend): readonly Target[] =>
  count === backends.length ? NO_TARGETS : backends.slice(count);

/** What the frontend says of one of its backends. */
export const stateOf = ({ backends, active }: DesiredFrontend, target: Target): BackendState =>
  backends.indexOf(target) < active ? 'active' : 'terminating';

/** `172.20.0.10:80`, `[fd00::a]:80`. */
export const placeName = ({ address, port }: Pick<Frontend, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export const frontendName = (frontend: Frontend): FrontendName =>
  `${placeName(frontend)}/${frontend.protocol}` as FrontendName;

export const targetName = (target: Destination): TargetName =>
  `${placeName(target)}/${target.protocol}#${target.clusterId}` as TargetName;

/** Codes of refusals. CM-KERN-001 is a finding's; the others are shown as they are. */
export const REFUSAL_CODES = {
  /** A map is full or failed. */
  kernel: 'CM-KERN-001',
  /** The datapath of this version cannot carry it. */
  unsupported: 'AGENT_UNSUPPORTED',
  /** Another service has the same address, port and protocol. */
  taken: 'AGENT_FRONTEND_TAKEN',
} as const;

// What is to be programmed, before it has ids and bytes: frontends, the targets behind them, and the names that tell each
// apart. Names are also what a person reads: `172.20.0.10:80/TCP`.

import type { ClusterId, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import type { RefusedService } from '../../mesh/snapshot/ack.ts';
import type { MapName } from '../maps/port.ts';

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
export interface Target extends Frontend {
  readonly clusterId: ClusterId;
}

export interface NamedTarget extends Target {
  readonly name: TargetName;
}

export interface DesiredBackend extends NamedTarget {
  readonly state: BackendState;
}

/** One row group of the maps: a master and its slots. */
export interface DesiredFrontend extends NamedFrontend {
  /** Of the frontend's family. Those that new connections may get come first, each part in a stable order; no target twice. */
  readonly backends: readonly DesiredBackend[];
  /** How many of them new connections may get; with 0 a connection is rejected at once. */
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

/** What stands behind one port of a service in one family; each in the order of the service's backends. */
export interface Behind {
  readonly active: readonly DesiredBackend[];
  readonly terminating: readonly DesiredBackend[];
}

/** A service as far as it can be programmed on any node, before it meets the others and the size of the maps. */
export interface DesiredService {
  readonly key: ServiceKey;
  /** Has a backend in the own cluster. */
  readonly local: boolean;
  readonly frontends: readonly DesiredFrontend[];
  readonly refused: readonly Refusal[];
  /** What it was made from and by way of: the next state of the service starts from there. */
  readonly source: Pick<MeshService, 'ports' | 'backends'>;
  readonly behinds: ReadonlyMap<string, Behind>;
}

/** `172.20.0.10:80`, `[fd00::a]:80`. */
export const placeName = ({ address, port }: Pick<Frontend, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export const frontendName = (frontend: Frontend): FrontendName =>
  `${placeName(frontend)}/${frontend.protocol}` as FrontendName;

export const targetName = (target: Target): TargetName =>
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

// What is to be programmed, before it has ids and bytes: where connections come in, and the targets behind it.

import type { Family } from '../../mesh/model/address.ts';
import { itemsOf, type List, piecesOf, sliced } from '../../mesh/model/list.ts';
import type { IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import type { RefusedService } from '../../mesh/snapshot/ack.ts';
import type { MapName } from '../maps/port.ts';
import type { Addressed } from './by-address.ts';
import { type Frontend, type FrontendName, frontendName, type MapProtocol, type NamedFrontend } from './names.ts';
import type { Target } from './targets.ts';

/** One row group of the maps: a master and its slots. */
export interface DesiredFrontend {
  readonly entrance: Entrance;
  /** Whose frontend it is; absent in what was found in the maps. */
  readonly service: ServiceKey | undefined;
  /** Of the frontend's family. Active ones come first, then terminating ones, each part in a stable order; no target twice. */
  readonly backends: List<Target>;
  /** How many of them are active. */
  readonly active: number;
  /** How many of them, from the first one on, new connections may get; with 0 a connection is rejected at once. */
  readonly count: number;
  /** For how many seconds a client stays with its backend; 0 without session affinity. */
  readonly affinityTimeout: number;
}

/** A service with those of its frontends that are to be programmed. */
export interface Placed {
  readonly key: ServiceKey;
  readonly admitted: readonly DesiredFrontend[];
}

/** Where connections come in. What is known of a place stands with the object. */
export class Entrance implements NamedFrontend, Addressed {
  readonly address: IpAddress;
  readonly v4: number | undefined;
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly family: Family;
  /** Where it stands in arrays that say something of every entrance; NO_INDEX when it is forgotten. The table's to write. */
  index: number;
  /** How many hold it. The table's to write. */
  holders = 0;
  /** Another entrance at the same address. The table's to write. */
  next: Entrance | undefined = undefined;
  /** Its service's number in the maps; 0 without. The IdSpace's to write. */
  id = 0;
  /** Who wants it: commonly one. FrontendClaims' to write. */
  claimants: ServiceKey | ReadonlySet<ServiceKey> | undefined = undefined;
  /** Whose frontend is to be programmed here. The DesiredState's to write. */
  placed: Placed | undefined = undefined;
  /** How it was last programmed whole. Programmed's to write. */
  programmed: DesiredFrontend | undefined = undefined;
  /** After which reading of the maps; 0 where its rows may stand otherwise. Programmed's to write. */
  programmedAfter = 0;
  /** It is to be looked at. Marked's to write. */
  isMarked = false;

  constructor({ address, port, protocol }: Frontend, v4: number | undefined, index: number) {
    this.address = address;
    this.v4 = v4;
    this.port = port;
    this.protocol = protocol;
    this.family = v4 === undefined ? 6 : 4;
    this.index = index;
  }

  /** Made when it is asked for: it is what a person reads. */
  get name(): FrontendName {
    return frontendName(this);
  }

  /** What is to be programmed here. */
  get desired(): DesiredFrontend | undefined {
    const admitted = this.placed?.admitted;
    const first = admitted?.[0];
    return first === undefined || first.entrance === this ? first : admitted?.find(({ entrance }) => entrance === this);
  }
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
  readonly active: List<Target>;
  readonly terminating: List<Target>;
}

/** The same of one piece of them. */
export interface BehindPiece {
  readonly active: readonly Target[];
  readonly terminating: readonly Target[];
}

/** What stands behind one port of a service in one family. */
export interface BehindPort extends Behind {
  /** What each piece of the service's backends comes to. */
  readonly pieces: readonly BehindPiece[];
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
  /** None where its frontends say it all, as those of small services do. */
  readonly behinds: readonly BehindPort[];
}

export const NO_TARGETS: readonly Target[] = [];

export function behindOf({ backends, active }: DesiredFrontend): Behind {
  if (active === backends.length) return { active: backends, terminating: NO_TARGETS };
  return { active: sliced(backends, 0, active), terminating: sliced(backends, active) };
}

/** Those that new connections may get. */
export const selectedOf = ({ backends, count }: DesiredFrontend): List<Target> => sliced(backends, 0, count);

/** Those that only keep the connections they have. */
export const drainingOf = ({ backends, count }: DesiredFrontend): readonly Target[] =>
  count === backends.length ? NO_TARGETS : itemsOf(sliced(backends, count));

/** What the frontend says of one of its backends. */
export const stateOf = ({ backends, active }: DesiredFrontend, target: Target): BackendState =>
  isAmong(backends, target, active) ? 'active' : 'terminating';

/** Whether it is one of the first. */
function isAmong(targets: List<Target>, target: Target, first: number): boolean {
  let from = 0;
  for (const piece of piecesOf(targets)) {
    const at = piece.indexOf(target);
    if (at >= 0) return from + at < first;
    from += piece.length;
  }
  return false;
}

/** Codes of refusals. CM-KERN-001 is a finding's; the others are shown as they are. */
export const REFUSAL_CODES = {
  /** A map is full or failed. */
  kernel: 'CM-KERN-001',
  /** The datapath of this version cannot carry it. */
  unsupported: 'AGENT_UNSUPPORTED',
  /** Another service has the same address, port and protocol. */
  taken: 'AGENT_FRONTEND_TAKEN',
} as const;

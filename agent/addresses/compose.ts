// The parts of an agent that have to do with peers' addresses, put together: who follows them, who programs them, and what is said of
// them. An agent that is not to follow them leaves the map as it is.

import type { ClusterId, ClusterName, IpAddress } from '../../mesh/model/names.ts';
import type { AddressesPart } from '../../mesh/wire/addresses.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { ServiceMaps } from '../maps/port.ts';
import type { Pause } from '../pause.ts';
import type { Upstream } from '../upstream/port.ts';
import {
  type AddressEntry,
  type AddressesDocument,
  describeAddresses,
  describeLookup,
  type LookupDocument,
  lookUp,
} from './document.ts';
import { type AddressDifference, AddressProgrammer, type AddressReport } from './programmer.ts';

/** Follows peers' addresses until the signal aborts. */
export type FollowAddresses = (receive: (part: AddressesPart) => void) => { run(signal: AbortSignal): Promise<void> };

export interface AddressesDeps {
  readonly maps: Pick<ServiceMaps, 'addresses'>;
  readonly upstream: Pick<Upstream, 'onSnapshot'>;
  readonly clusters: () => ReadonlyMap<ClusterName, ClusterId>;
  /** Absent where addresses are not wanted. */
  readonly follow: FollowAddresses | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly log: Log;
}

export interface AgentAddresses {
  readonly report: AddressReport;
  run(signal: AbortSignal): Promise<void>;
  /** Reads the map; rejects when it cannot be read. */
  describe(): Promise<AddressesDocument>;
  /** Undefined for what is no address. */
  lookup(address: string): LookupDocument | undefined;
  /** Of a peer's pod. */
  peerOf(address: IpAddress): AddressEntry | undefined;
  /** Undefined where nothing is known to be wanted. */
  differences(): Promise<readonly AddressDifference[] | undefined>;
}

export function composeAddresses(deps: AddressesDeps): AgentAddresses {
  const { upstream, clusters, follow } = deps;
  const map = deps.maps.addresses;
  const programmer = new AddressProgrammer({ ...deps, map });
  const names = {
    get clusters() {
      return clusters();
    },
    book: programmer.book,
  };
  return {
    get report() {
      return programmer.report;
    },
    async run(signal) {
      if (follow === undefined) return;
      const stopNaming = upstream.onSnapshot((snapshot) => programmer.name(snapshot.clusters));
      const follower = follow((part) => programmer.take(part));
      await Promise.all([follower.run(signal), programmer.run(signal)]).finally(stopNaming);
    },
    describe: () => describeAddresses(map, names, programmer.report),
    lookup: (address) => describeLookup(map, names, address),
    peerOf: (address) => lookUp(map, names, address),
    differences: () => programmer.differences(),
  };
}

// A global service as frontends to program: one per cluster IP and port, with the targets that its port name has at each
// backend of the same family: no socket of one family reaches an address of the other. What the datapath cannot carry yet is refused with a reason, never dropped silently.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import { joined, type List, piecesOf } from '../../mesh/model/list.ts';
import type { ClusterName, IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, MeshService, NamedPort } from '../../mesh/model/service.ts';
import { behindOf } from './behind.ts';
import type { EntranceTable } from './entrances.ts';
import {
  type Behind,
  type BehindPort,
  type DesiredFrontend,
  type DesiredService,
  REFUSAL_CODES,
  type Refusal,
} from './frontend.ts';
import type { MapProtocol } from './names.ts';
import type { TargetTable } from './targets.ts';

/** The master's count has 16 bits. */
const BACKENDS_PER_FRONTEND_MAX = 65_535;

const FAMILIES: readonly Family[] = [4, 6];

/** Where frontends and targets come from. */
export interface Tables {
  readonly entrances: EntranceTable;
  readonly targets: TargetTable;
}

/** The ports of a service that share number and protocol, and so a frontend; commonly one. */
interface PortGroup {
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly names: ReadonlySet<string>;
}

/**
 * `before` is what came out for an earlier state of the service: it saves work where backends are the same, nothing else. The
 * targets and entrances come from the tables, and nobody holds them yet.
 */
export function desireService(
  service: MeshService,
  cluster: ClusterName,
  { targets, entrances }: Tables,
  before?: DesiredService,
): DesiredService {
  const { groups, sctp } = knownPorts(service.ports);
  const refused = sctp.length === 0 ? [] : [unsupported(service.key, sctp)];
  let frontends: readonly DesiredFrontend[] = [];
  const affinityTimeout = service.clientIPTimeoutSeconds ?? 0;
  let behinds: readonly BehindPort[] = NO_BEHINDS;
  let areSaid = true;
  const known = before !== undefined && samePorts(before.source.ports, service.ports) ? before : undefined;
  for (const { port, protocol, names } of groups) {
    for (const family of FAMILIES) {
      const addresses = ofFamily(service.frontends, family);
      if (addresses.length === 0) continue;
      const way = { protocol, names, family, table: targets };
      const last = known?.behinds.find((b) => b.port === port && b.protocol === protocol && b.family === family);
      const source = last && known && { backends: known.source.backends, pieces: last.pieces };
      const behind = behindOf(service.backends, way, source);
      const { active, terminating, pieces } = behind;
      // Values that stay are written out: a spread would give each of them a shape of its own.
      behinds = followedBy(behinds, { port, protocol, family, active, terminating, pieces });
      if (pieces.length > 0) areSaid = false;
      const total = active.length + terminating.length;
      if (total > BACKENDS_PER_FRONTEND_MAX) {
        areSaid = false;
        refused.push(refusal(service.key, REFUSAL_CODES.kernel, tooMany(port, protocol, total)));
        continue;
      }
      const { backends, count } = ordered(behind);
      for (const address of addresses) {
        frontends = followedBy(frontends, {
          entrance: entrances.at({ address, port, protocol }),
          service: service.key,
          backends,
          active: active.length,
          count,
          affinityTimeout,
        });
      }
    }
  }
  const local = hasCluster(service.backends, cluster);
  return {
    key: service.key,
    local,
    frontends,
    refused: refused.length === 0 ? NO_REFUSALS : refused,
    source: service,
    behinds: areSaid ? NO_BEHINDS : behinds,
  };
}

/** Backends are in the order of their clusters. */
function hasCluster(backends: List<Backend>, cluster: ClusterName): boolean {
  const cut = piecesOf(backends);
  let [start, end] = [0, cut.length];
  while (start < end) {
    const middle = (start + end) >>> 1;
    const first = cut[middle]?.[0];
    if (first !== undefined && first.cluster < cluster) start = middle + 1;
    else end = middle;
  }
  if (cut[start]?.[0]?.cluster === cluster) return true;
  return cut[start - 1]?.some((backend) => backend.cluster === cluster) === true;
}

/** Lists of commonly one: an array that is pushed to takes room for 17, and would keep it as long as the service lives. */
const followedBy = <T>(list: readonly T[], next: T): readonly T[] => (list.length === 0 ? [next] : [...list, next]);

function ofFamily(addresses: readonly IpAddress[], family: Family): readonly IpAddress[] {
  let own = 0;
  for (const address of addresses) if (familyOf(address) === family) own += 1;
  if (own === addresses.length) return addresses;
  return own === 0 ? NO_ADDRESSES : addresses.filter((address) => familyOf(address) === family);
}

const NO_ADDRESSES: readonly IpAddress[] = [];
const NO_REFUSALS: readonly Refusal[] = [];
const NO_BEHINDS: readonly BehindPort[] = [];

const samePorts = (a: readonly NamedPort[], b: readonly NamedPort[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every(({ name, port, protocol }, at) => {
      const other = b[at];
      return name === other?.name && port === other.port && protocol === other.protocol;
    }));

const unsupported = (service: ServiceKey, sctp: readonly number[]): Refusal =>
  refusal(service, REFUSAL_CODES.unsupported, `SCTP ports cannot be programmed yet: ${sctp.join(', ')}`);

interface KnownPorts {
  readonly groups: readonly PortGroup[];
  /** Numbers of those that no group has. */
  readonly sctp: readonly number[];
}

/** Of lists of ports, which services share. */
const KNOWN_PORTS = new WeakMap<readonly NamedPort[], KnownPorts>();

function knownPorts(ports: readonly NamedPort[]): KnownPorts {
  let known = KNOWN_PORTS.get(ports);
  if (known === undefined) {
    const sctp = ports.filter(({ protocol }) => protocol === 'SCTP').map(({ port }) => port);
    known = { groups: groupsOf(ports), sctp };
    KNOWN_PORTS.set(ports, known);
  }
  return known;
}

function groupsOf(ports: readonly NamedPort[]): readonly PortGroup[] {
  const groups: PortGroup[] = [];
  for (const { name, port, protocol } of ports) {
    if (protocol === 'SCTP') continue;
    const group = groups.find((known) => known.port === port && known.protocol === protocol);
    if (group === undefined) groups.push({ port, protocol, names: new Set([name]) });
    else groups[groups.indexOf(group)] = { port, protocol, names: new Set([...group.names, name]) };
  }
  return groups;
}

/** Active ones first. Where there is none, terminating ones take new connections: better than none (KEP-1669). */
function ordered({ active, terminating }: Behind): Pick<DesiredFrontend, 'backends' | 'count'> {
  if (terminating.length === 0) return { backends: active, count: active.length };
  if (active.length === 0) return { backends: terminating, count: terminating.length };
  return { backends: joined(active, terminating), count: active.length };
}

const refusal = (service: ServiceKey, code: string, reason: string): Refusal => ({ service, code, reason });

const tooMany = (port: number, protocol: MapProtocol, count: number): string =>
  `port ${port}/${protocol} has ${count} backends, one frontend can have at most ${BACKENDS_PER_FRONTEND_MAX}`;

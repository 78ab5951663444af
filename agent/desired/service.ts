// A global service as frontends to program: one per cluster IP and port, with the targets that its port name has at each
// backend of the same family: no socket of one family reaches an address of the other. What the datapath cannot carry yet is refused with a reason, never dropped silently.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import type { Backend, MeshService, NamedPort } from '../../mesh/model/service.ts';
import {
  type DesiredBackend,
  type DesiredFrontend,
  type DesiredService,
  type Frontend,
  frontendName,
  type MapProtocol,
  REFUSAL_CODES,
  type Refusal,
  targetName,
} from './frontend.ts';

/** The master's count has 16 bits. */
const BACKENDS_PER_FRONTEND_MAX = 65_535;

const FAMILIES: readonly Family[] = [4, 6];

/** The ports of a service that share number and protocol, and so a frontend; commonly one. */
interface PortGroup {
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly names: Set<string>;
}

export function desireService(service: MeshService, cluster: ClusterName): DesiredService {
  const refused = unsupported(service);
  const frontends: DesiredFrontend[] = [];
  for (const group of portGroups(service.ports)) {
    for (const family of FAMILIES) {
      const addresses = service.frontends.filter((address) => familyOf(address) === family);
      if (addresses.length === 0) continue;
      const behind = ordered(targetsOf(service.backends, group, family));
      if (behind.backends.length > BACKENDS_PER_FRONTEND_MAX) {
        refused.push(refusal(service.key, REFUSAL_CODES.kernel, tooMany(group, behind.backends.length)));
        continue;
      }
      for (const address of addresses) {
        const frontend: Frontend = { address, port: group.port, protocol: group.protocol };
        frontends.push({ ...frontend, name: frontendName(frontend), ...behind });
      }
    }
  }
  const local = service.backends.some((backend) => backend.cluster === cluster);
  return { key: service.key, local, frontends, refused };
}

function unsupported({ key, ports }: MeshService): Refusal[] {
  const refused: Refusal[] = [];
  const sctp = ports.filter(({ protocol }) => protocol === 'SCTP').map(({ port }) => port);
  if (sctp.length > 0) {
    const reason = `SCTP ports cannot be programmed yet: ${sctp.join(', ')}`;
    refused.push(refusal(key, REFUSAL_CODES.unsupported, reason));
  }
  return refused;
}

function portGroups(ports: readonly NamedPort[]): Iterable<PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const { name, port, protocol } of ports) {
    if (protocol === 'SCTP') continue;
    const key = `${port}/${protocol}`;
    const group = groups.get(key) ?? { port, protocol, names: new Set() };
    group.names.add(name);
    groups.set(key, group);
  }
  return groups.values();
}

/**
 * Each target once. Snapshots hold a backend's address once per cluster (mesh/snapshot/consistent.ts), so that only the ports of one
 * backend can lead to the same target, and only they are compared.
 */
function targetsOf(
  backends: readonly Backend[],
  { names, protocol }: PortGroup,
  family: Family,
): readonly DesiredBackend[] {
  const targets: DesiredBackend[] = [];
  for (const backend of backends) {
    if (familyOf(backend.address) !== family) continue;
    const first = targets.length;
    for (const { name, target } of placesOf(backend)) {
      if (target.protocol !== protocol || !names.has(name)) continue;
      let at = first;
      while (at < targets.length && targets[at]?.name !== target.name) at += 1;
      if (at === targets.length) targets.push(target);
    }
  }
  return targets;
}

/** The target that a port name has at one backend. */
interface Place {
  readonly name: string;
  readonly target: DesiredBackend;
}

/**
 * Made once per backend: snapshots share what did not change, so that one changed backend of thousands does not make all
 * their names anew.
 */
const known = new WeakMap<Backend, readonly Place[]>();

/** One per port that can be programmed. */
function placesOf(backend: Backend): readonly Place[] {
  const before = known.get(backend);
  if (before !== undefined) return before;
  const { address, clusterId, state, ports } = backend;
  const places: Place[] = [];
  for (const { name, port, protocol } of ports) {
    if (protocol === 'SCTP') continue;
    const target = { address, port, protocol, clusterId };
    places.push({ name, target: { ...target, name: targetName(target), state } });
  }
  known.set(backend, places);
  return places;
}

/** Active ones first. Where there is none, terminating ones take new connections: better than none (KEP-1669). */
function ordered(targets: readonly DesiredBackend[]): Pick<DesiredFrontend, 'backends' | 'count'> {
  const active = targets.filter(({ state }) => state === 'active');
  if (active.length === targets.length) return { backends: active, count: active.length };
  const terminating = targets.filter(({ state }) => state !== 'active');
  const count = active.length > 0 ? active.length : terminating.length;
  return { backends: active.length === 0 ? terminating : [...active, ...terminating], count };
}

const refusal = (service: ServiceKey, code: string, reason: string): Refusal => ({ service, code, reason });

const tooMany = ({ port, protocol }: PortGroup, count: number): string =>
  `port ${port}/${protocol} has ${count} backends, one frontend can have at most ${BACKENDS_PER_FRONTEND_MAX}`;

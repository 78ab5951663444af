// What stands behind one port of a service in one family: the targets that its port names have at the backends. Made from all
// backends, or from what it was and the backends that came and went, with the same outcome. Snapshots share the backends that
// did not change, so that where one of thousands did, the others are not even looked at. What becomes of it is service.ts.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { Backend } from '../../mesh/model/service.ts';
import { unshared } from './differing.ts';
import { type Behind, type DesiredBackend, type MapProtocol, targetName } from './frontend.ts';

/** What of a service's ports leads to targets. */
export interface BehindPort {
  readonly protocol: MapProtocol;
  readonly names: ReadonlySet<string>;
}

export interface BackendChange {
  readonly gone: readonly Backend[];
  readonly came: readonly Backend[];
  /** All that are there now. */
  readonly backends: readonly Backend[];
}

/** With more changes than this, all backends are looked at instead. */
const CHANGES_MAX = 64;

/** Absent where too much changed. */
export function changeOf(before: readonly Backend[], backends: readonly Backend[]): BackendChange | undefined {
  const { less, more } = unshared(before, backends);
  return Math.max(less.length, more.length) > CHANGES_MAX ? undefined : { gone: less, came: more, backends };
}

export function behindOf(backends: readonly Backend[], port: BehindPort, family: Family): Behind {
  const active: DesiredBackend[] = [];
  const terminating: DesiredBackend[] = [];
  for (const backend of backends) {
    const part = backend.state === 'active' ? active : terminating;
    for (const target of targetsAt(backend, port, family)) part.push(target);
  }
  return { active, terminating };
}

export function behindAfter(before: Behind, change: BackendChange, port: BehindPort, family: Family): Behind {
  const active = [...before.active];
  const terminating = [...before.terminating];
  const partOf = ({ state }: Backend) => (state === 'active' ? active : terminating);
  for (const backend of change.gone) {
    const targets = targetsAt(backend, port, family);
    const [first] = targets;
    if (first !== undefined) partOf(backend).splice(partOf(backend).indexOf(first), targets.length);
  }
  // From the last to the first: what follows one that came is then in its place already.
  for (const backend of change.came.toReversed()) {
    const part = partOf(backend);
    const next = part.length === 0 ? undefined : nextTarget(change.backends, backend, port, family);
    part.splice(next === undefined ? part.length : part.indexOf(next), 0, ...targetsAt(backend, port, family));
  }
  return { active, terminating };
}

/** The first target after the backend's own, of those in the same state. */
function nextTarget(
  backends: readonly Backend[],
  backend: Backend,
  port: BehindPort,
  family: Family,
): DesiredBackend | undefined {
  for (let at = backends.indexOf(backend) + 1; at < backends.length; at += 1) {
    const other = backends[at];
    if (other?.state !== backend.state) continue;
    const [first] = targetsAt(other, port, family);
    if (first !== undefined) return first;
  }
  return undefined;
}

/**
 * Each target once. Snapshots hold a backend's address once per cluster (mesh/snapshot/consistent.ts), so that only the ports
 * of one backend can lead to the same target, and only they are compared.
 */
function targetsAt(backend: Backend, { names, protocol }: BehindPort, family: Family): readonly DesiredBackend[] {
  if (familyOf(backend.address) !== family) return NONE;
  const targets: DesiredBackend[] = [];
  for (const { name, target } of placesOf(backend)) {
    if (target.protocol !== protocol || !names.has(name)) continue;
    if (!targets.some((other) => other.name === target.name)) targets.push(target);
  }
  return targets;
}

const NONE: readonly DesiredBackend[] = [];

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

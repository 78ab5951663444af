// The backends in a stored record, as the merge takes them: sorted, each address once, and the very objects of before wherever they
// say the same. What is as it was is not read again.

import { parseAddress } from '../../mesh/model/address.ts';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { type Backend, type NamedPort, PROTOCOLS } from '../../mesh/model/service.ts';
import { shareBackends } from '../../mesh/snapshot/equality.ts';
import { compareBackends, comparePorts, isAscending } from '../../mesh/snapshot/order.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import type { PortsByAddress, PortValue } from '../../mesh/wire/cluster-service.ts';

/** What was read of the same record before: a backend that is as it was is taken over, and not read again. */
export interface Reuse {
  readonly backends: readonly Backend[];
  readonly ports: PortLists;
}

/** The cluster whose record it is. */
export interface Origin {
  readonly cluster: ClusterName;
  readonly clusterId: ClusterId;
}

/** What a record says of the address that it names. */
export interface BackendEntry {
  readonly name: string;
  readonly ports: Readonly<Record<string, PortValue>>;
}

export const backendEntries = (backends: PortsByAddress): readonly BackendEntry[] =>
  Object.entries(backends).map(([name, ports]) => ({ name, ports }));

/** Of a record that carries no conditions: every backend in it is active. */
export function readBackends(
  named: Iterable<BackendEntry>,
  origin: Origin,
  reuse: Reuse,
): Result<readonly Backend[], string> {
  const known = finder(reuse.backends);
  const backends: Backend[] = [];
  for (const { name: text, ports } of named) {
    const before = known(text);
    if (before !== undefined && before.clusterId === origin.clusterId && hasPorts(before, ports)) {
      backends.push(before);
      continue;
    }
    const address = parseAddress(text);
    if (!address.ok) return err(`backend ${text}: ${address.error}`);
    const { cluster, clusterId } = origin;
    backends.push({
      address: address.value,
      cluster,
      clusterId,
      state: 'active',
      ports: reuse.ports.intern(portsOf(ports)),
    });
  }
  return ok(inOrder(reuse.backends, backends));
}

/** Finds previous backends by address, asked in ascending order: records are written sorted, and then this is one walk. */
export function finder(previous: readonly Backend[]): (address: string) => Backend | undefined {
  let at = 0;
  return (address) => {
    let before = previous[at];
    while (before !== undefined && before.address < address) {
      at += 1;
      before = previous[at];
    }
    return before?.address === address ? before : undefined;
  };
}

/** In canonical order, with the objects of `previous` wherever they say the same. */
export function inOrder(previous: readonly Backend[], backends: Backend[]): readonly Backend[] {
  return shareBackends(previous, isAscending(backends, compareBackends) ? backends : backends.sort(compareBackends));
}

function hasPorts({ ports }: Backend, named: Readonly<Record<string, PortValue>>): boolean {
  return (
    Object.keys(named).length === ports.length &&
    ports.every(({ name, protocol, port }) => named[name]?.Port === port && named[name]?.Protocol === protocol)
  );
}

/** A port that cannot be programmed (0, an unknown protocol) is none. */
function portsOf(named: Readonly<Record<string, PortValue>>): readonly NamedPort[] {
  const ports: NamedPort[] = [];
  for (const [name, { Protocol, Port: port }] of Object.entries(named)) {
    const protocol = PROTOCOLS.find((one) => one === Protocol);
    if (protocol !== undefined && port > 0) ports.push({ name, protocol, port });
  }
  return byName(ports);
}

export const byName = (ports: readonly NamedPort[]): readonly NamedPort[] =>
  ports.length > 1 ? [...ports].sort(comparePorts) : ports;

/**
 * What several lists say together, each in canonical order and all of one cluster. A backend in two of them has the ports of both, and is
 * active where one says so; of a port that they see differently, the list counts that comes first (mesh/wire/service-pieces.ts).
 */
export function uniteBackends(lists: readonly (readonly Backend[])[], ports: PortLists): readonly Backend[] {
  const [first = NO_BACKENDS, ...rest] = lists;
  const all = first.concat(...rest);
  if (isAscending(all, compareBackends)) return all;
  // Stable: of equal ones, that of the first list stays the first.
  all.sort(compareBackends);
  if (isAscending(all, compareBackends)) return all;
  const united: Backend[] = [];
  for (const backend of all) {
    const before = united.at(-1);
    if (before === undefined || compareBackends(before, backend) !== 0) united.push(backend);
    else united[united.length - 1] = unite(before, backend, ports);
  }
  return united;
}

function unite(before: Backend, backend: Backend, ports: PortLists): Backend {
  const state = before.state === 'active' ? before.state : backend.state;
  return { ...before, state, ports: ports.intern(unitePorts(before.ports, backend.ports)) };
}

const NO_BACKENDS: readonly Backend[] = [];

const unitePorts = (first: readonly NamedPort[], second: readonly NamedPort[]): readonly NamedPort[] =>
  byName([...first, ...second.filter(({ name }) => !first.some((port) => port.name === name))]);

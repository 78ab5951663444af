// When two values of a snapshot say the same, and how a new value takes over the unchanged parts of the one before. Shared
// parts make snapshots cheap to keep, and let a difference be found by comparing references first.

import { differingPieces, inPieces, type List, listOf, piecesOf } from '../model/list.ts';
import type { ClusterId, ClusterName } from '../model/names.ts';
import type { Backend, MeshService, NamedPort } from '../model/service.ts';
import { compareBackends } from './order.ts';

/** What a service is apart from its backends. */
export type ServiceSpec = Pick<MeshService, 'frontends' | 'ports' | 'clientIPTimeoutSeconds' | 'createdSeconds'>;

/** To spread into a value: a field that is absent stays absent, whatever stood for it. */
export const clientIPTimeoutOf = ({
  clientIPTimeoutSeconds: seconds = 0,
}: Pick<ServiceSpec, 'clientIPTimeoutSeconds'>): Pick<ServiceSpec, 'clientIPTimeoutSeconds'> =>
  seconds > 0 ? { clientIPTimeoutSeconds: seconds } : {};

/** Likewise. */
export const createdOf = ({
  createdSeconds: seconds = 0,
}: Pick<ServiceSpec, 'createdSeconds'>): Pick<ServiceSpec, 'createdSeconds'> =>
  seconds > 0 ? { createdSeconds: seconds } : {};

export const specOf = (service: ServiceSpec): ServiceSpec => ({
  frontends: service.frontends,
  ports: service.ports,
  ...clientIPTimeoutOf(service),
  ...createdOf(service),
});

function sameItems<T>(a: readonly T[], b: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  return a.every((item, index) => {
    const other = b[index];
    return other !== undefined && (item === other || same(item, other));
  });
}

const samePort = (a: NamedPort, b: NamedPort): boolean =>
  a.port === b.port && a.name === b.name && a.protocol === b.protocol;

const samePorts = (a: readonly NamedPort[], b: readonly NamedPort[]): boolean => sameItems(a, b, samePort);

export const sameBackend = (a: Backend, b: Backend): boolean =>
  a === b ||
  (a.address === b.address &&
    a.cluster === b.cluster &&
    a.clusterId === b.clusterId &&
    a.state === b.state &&
    samePorts(a.ports, b.ports));

export const sameSpec = (a: ServiceSpec, b: ServiceSpec): boolean =>
  sameItems(a.frontends, b.frontends, () => false) &&
  samePorts(a.ports, b.ports) &&
  a.clientIPTimeoutSeconds === b.clientIPTimeoutSeconds &&
  a.createdSeconds === b.createdSeconds;

export const sameService = (a: MeshService, b: MeshService): boolean =>
  a === b || (a.key === b.key && sameSpec(a, b) && sameBackends(a.backends, b.backends));

function sameBackends(a: List<Backend>, b: List<Backend>): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  const { before, after } = differingPieces(a, b);
  return sameItems(before.flat(), after.flat(), sameBackend);
}

export function sameClusters(a: ReadonlyMap<ClusterName, ClusterId>, b: ReadonlyMap<ClusterName, ClusterId>): boolean {
  return a === b || (a.size === b.size && [...a].every(([name, id]) => b.get(name) === id));
}

/** `next`, with the objects of `previous` wherever they say the same. Both in canonical order. */
export function shareBackends(previous: readonly Backend[], next: readonly Backend[]): readonly Backend[] {
  let at = 0;
  let changed = previous.length !== next.length;
  const shared = next.map((backend, index) => {
    let before = previous[at];
    while (before !== undefined && before !== backend && compareBackends(before, backend) < 0) {
      at += 1;
      before = previous[at];
    }
    const kept = before !== undefined && sameBackend(before, backend) ? before : backend;
    if (kept !== previous[index]) changed = true;
    return kept;
  });
  return changed ? shared : previous;
}

/** The same of lists; pieces that both have are passed by. `next` itself where nothing in it was another object before. */
export function shareLists(previous: List<Backend>, next: List<Backend>): List<Backend> {
  if (previous === next) return previous;
  const { before, after, first, last } = differingPieces(previous, next);
  const [old, now] = [before.flat(), after.flat()];
  const shared = shareBackends(old, now);
  if (shared === old) return previous;
  if (shared.every((backend, index) => backend === now[index])) return next;
  const cut = piecesOf(next);
  return listOf([...cut.slice(0, first), ...piecesOf(inPieces(shared)), ...cut.slice(cut.length - last)]);
}

/** `next`, with the parts of `previous` wherever they say the same; `previous` itself when all of it does. */
export function shareService(previous: MeshService | undefined, next: MeshService): MeshService {
  if (previous === undefined || previous.key !== next.key) return next;
  const backends = shareLists(previous.backends, next.backends);
  if (!sameSpec(previous, next)) return { ...next, backends };
  if (backends === previous.backends) return previous;
  return { ...previous, backends };
}

// The merge of a global service: which backends of which clusters stand behind the local frontends. Rules: Cilium's service
// affinity (pkg/clustermesh/loadbalancer/selectbackends.go), and ours that stale peers come last. The result depends on the
// set of what is put in, never on its order. Only global services are programmed: docs/decisions/0003. Lists of backends that are
// as they were are not looked at again (parts.ts): a merge of 250 clusters costs about what the one that changed has.

import { itemsOf, type List, listOf, piecesOf } from '../model/list.ts';
import type { ClusterName } from '../model/names.ts';
import type { Backend, LocalService, MeshService, NamedPort, RemoteService } from '../model/service.ts';
import { clientIPTimeoutOf, createdOf } from '../snapshot/equality.ts';
import { compareBackends, comparePorts, compareText } from '../snapshot/order.ts';
import { Parts } from './parts.ts';

export interface MergeInput {
  /** The own cluster: what a "remote" of this name says is not taken. */
  readonly cluster: ClusterName;
  readonly local: LocalService | undefined;
  readonly remotes: readonly RemoteService[];
}

/**
 * Absent when there is nothing to program: no local service of that name, or one that is not global. `parts` remembers from merge
 * to merge; the outcome is the same without.
 */
export function mergeService({ cluster, local, remotes }: MergeInput, parts = new Parts()): MeshService | undefined {
  if (local === undefined || !local.global) return undefined;
  const shared = remotes.filter((remote) => remote.shared && remote.key === local.key && remote.cluster !== cluster);
  const select = portSelector(local.ports, parts);
  const sources: Sources = {
    local: [select(local.backends)],
    remote: shared.filter(({ fresh }) => fresh).map(({ backends }) => select(backends)),
    stale: shared.filter(({ fresh }) => !fresh).map(({ backends }) => select(backends)),
  };
  return {
    key: local.key,
    frontends: [...new Set(local.frontends)].sort(compareText),
    ports: [...local.ports].sort(comparePorts),
    ...clientIPTimeoutOf(local),
    ...createdOf(local),
    backends: inOrder(takeUntilActive(tiers(local, sources), parts), parts),
  };
}

/** What one cluster has behind the service, and what all sources of a kind have. */
type Backends = List<Backend>;
type Tier = readonly Backends[];

interface Sources {
  readonly local: Tier;
  readonly remote: Tier;
  readonly stale: Tier;
}

/** What is asked first, and what only when nothing before it can take a new connection. Stale peers are always last. */
function tiers({ affinity }: LocalService, { local, remote, stale }: Sources): readonly Tier[] {
  switch (affinity) {
    case 'none':
      return [[...local, ...remote], stale];
    case 'local':
      return [local, remote, stale];
    case 'remote':
      return [remote, local, stale];
    default:
      return affinity satisfies never;
  }
}

/**
 * Terminating backends of the tiers passed through stay, for the connections they have; where no tier has an active one, all
 * of them are what is left to use.
 */
function takeUntilActive(inOrder: readonly Tier[], parts: Parts): Tier {
  const taken: Backends[] = [];
  for (const tier of inOrder) {
    taken.push(...tier);
    if (tier.some((backends) => parts.of(backends).active)) break;
  }
  return taken;
}

/** Keeps of each backend the ports that the service has, by name and protocol, and drops a backend that has none. */
export function portSelector(ports: readonly NamedPort[], parts: Parts): (backends: Backends) => Backends {
  const matches = ({ name, protocol }: NamedPort) =>
    ports.some((port) => port.name === name && port.protocol === protocol);
  const select = (backends: Backends): Backends => {
    const kept = new Map<readonly NamedPort[], readonly NamedPort[]>();
    let all = true;
    for (const list of parts.of(backends).ports) {
      if (list.length > 0 && list.every(matches)) continue;
      kept.set(list, list.filter(matches));
      all = false;
    }
    if (all) return backends;
    const selectOf = (piece: readonly Backend[]) =>
      piece.flatMap((backend) => {
        const own = kept.get(backend.ports);
        if (own === undefined) return backend;
        return own.length === 0 ? [] : { ...backend, ports: own };
      });
    return listOf(piecesOf(backends).map((piece) => itemsOf(parts.selected(piece, ports, () => selectOf(piece)))));
  };
  return (backends) => parts.selected(backends, ports, () => select(backends));
}

/** Sorted, with each address once per cluster. Lists of one cluster each, which are so already, are put one after the other. */
function inOrder(lists: Tier, parts: Parts): Backends {
  const filled = lists.filter(({ length }) => length > 0);
  const ofClusters: [ClusterName, Backends][] = [];
  for (const backends of filled) {
    const { cluster } = parts.of(backends);
    if (cluster !== undefined) ofClusters.push([cluster, backends]);
  }
  if (new Set(ofClusters.map(([cluster]) => cluster)).size < filled.length)
    return canonical(filled.flatMap((list) => itemsOf(list)));
  ofClusters.sort(([a], [b]) => compareText(a, b));
  return parts.compositions.compose(ofClusters.map(([, backends]) => backends));
}

/** Whatever the lists were; of two that claim one place, an active one, then the lower ports. */
function canonical(backends: Backend[]): readonly Backend[] {
  backends.sort(
    (a, b) =>
      compareBackends(a, b) ||
      compareText(a.state, b.state) ||
      comparePortLists(a.ports, b.ports) ||
      a.clusterId - b.clusterId,
  );
  return backends.filter((backend, index) => {
    const before = backends[index - 1];
    return before === undefined || compareBackends(before, backend) !== 0;
  });
}

function comparePortLists(a: readonly NamedPort[], b: readonly NamedPort[]): number {
  for (const [index, port] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = comparePorts(port, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

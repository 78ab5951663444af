// The merge of a global service: which backends of which clusters stand behind the local frontends. Rules: Cilium's service
// affinity (pkg/clustermesh/loadbalancer/selectbackends.go), and ours that stale peers come last. The result depends on the
// set of what is put in, never on its order. Only global services are programmed: docs/decisions/0003.

import type { ClusterName } from '../model/names.ts';
import type { Backend, LocalService, MeshService, NamedPort, RemoteService } from '../model/service.ts';
import { clientIPTimeoutOf } from '../snapshot/equality.ts';
import { compareBackends, comparePorts, compareText } from '../snapshot/order.ts';

export interface MergeInput {
  /** The own cluster: what a "remote" of this name says is not taken. */
  readonly cluster: ClusterName;
  readonly local: LocalService | undefined;
  readonly remotes: readonly RemoteService[];
}

/** Absent when there is nothing to program: no local service of that name, or one that is not global. */
export function mergeService({ cluster, local, remotes }: MergeInput): MeshService | undefined {
  if (local === undefined || !local.global) return undefined;
  const shared = remotes.filter((remote) => remote.shared && remote.key === local.key && remote.cluster !== cluster);
  const select = portSelector(local.ports);
  const sources: Sources = {
    local: select(local.backends),
    remote: select(shared.filter(({ fresh }) => fresh).flatMap(({ backends }) => backends)),
    stale: select(shared.filter(({ fresh }) => !fresh).flatMap(({ backends }) => backends)),
  };
  return {
    key: local.key,
    frontends: [...new Set(local.frontends)].sort(compareText),
    ports: [...local.ports].sort(comparePorts),
    ...clientIPTimeoutOf(local),
    backends: canonical(takeUntilActive(tiers(local, sources))),
  };
}

interface Sources {
  readonly local: readonly Backend[];
  readonly remote: readonly Backend[];
  readonly stale: readonly Backend[];
}

/** What is asked first, and what only when nothing before it can take a new connection. Stale peers are always last. */
function tiers({ affinity }: LocalService, { local, remote, stale }: Sources): readonly (readonly Backend[])[] {
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
function takeUntilActive(inOrder: readonly (readonly Backend[])[]): Backend[] {
  const taken: Backend[] = [];
  for (const tier of inOrder) {
    for (const backend of tier) taken.push(backend);
    if (tier.some(({ state }) => state === 'active')) break;
  }
  return taken;
}

/**
 * Keeps of each backend the ports that the service has, by name and protocol, and drops a backend that has none. The backends of
 * a service share a few lists of ports, and each list is looked at once.
 */
function portSelector(ports: readonly NamedPort[]): (backends: readonly Backend[]) => readonly Backend[] {
  const matches = ({ name, protocol }: NamedPort) =>
    ports.some((port) => port.name === name && port.protocol === protocol);
  const known = new Map<readonly NamedPort[], readonly NamedPort[]>();
  const keptOf = (list: readonly NamedPort[]): readonly NamedPort[] => {
    const before = known.get(list);
    if (before !== undefined) return before;
    const kept = list.every(matches) ? list : list.filter(matches);
    known.set(list, kept);
    return kept;
  };
  return (backends) => {
    const selected: Backend[] = [];
    for (const backend of backends) {
      const kept = keptOf(backend.ports);
      if (kept.length > 0) selected.push(kept === backend.ports ? backend : { ...backend, ports: kept });
    }
    return selected;
  };
}

/** Sorted, with each address once per cluster; of two that claim one place, an active one, then the lower ports. */
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

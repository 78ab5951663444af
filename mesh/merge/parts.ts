// What the merge asks of the backends that one cluster has behind a service. It is found by looking at each of them once, and known
// for as long as the list is the same object: of 250 clusters commonly one has changed since the last merge.

import type { ClusterName } from '../model/names.ts';
import type { Backend, NamedPort } from '../model/service.ts';
import { compareBackends, isAscending } from '../snapshot/order.ts';

export interface Part {
  /** The one cluster that all of them are of, each address once and in canonical order; absent where that is not so. */
  readonly cluster: ClusterName | undefined;
  /** Their lists of ports, each once: commonly one. */
  readonly ports: ReadonlySet<readonly NamedPort[]>;
  /** One of them at least takes new connections. */
  readonly active: boolean;
}

export class Parts {
  readonly #known = new WeakMap<readonly Backend[], Part>();

  of(backends: readonly Backend[]): Part {
    let part = this.#known.get(backends);
    if (part === undefined) {
      part = partOf(backends);
      this.#known.set(backends, part);
    }
    return part;
  }
}

function partOf(backends: readonly Backend[]): Part {
  const cluster = backends[0]?.cluster;
  const ofOne = backends.every((backend) => backend.cluster === cluster) && isAscending(backends, compareBackends);
  return {
    cluster: ofOne ? cluster : undefined,
    ports: new Set(backends.map(({ ports }) => ports)),
    active: backends.some(({ state }) => state === 'active'),
  };
}

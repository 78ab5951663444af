// What the merge asks of the backends that one cluster has behind a service, and what it made of them. It is found by looking at
// each of them once, and known for as long as the list is the same object: of 250 clusters commonly one has changed since the
// last merge.

import type { ClusterName } from '../model/names.ts';
import type { Backend, NamedPort } from '../model/service.ts';
import { Compositions } from '../snapshot/composition.ts';
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
  /** What merges put together, for those who compare one with the next. */
  readonly compositions = new Compositions();
  readonly #known = new WeakMap<readonly Backend[], Part>();
  readonly #selected = new WeakMap<readonly Backend[], Selected>();

  of(backends: readonly Backend[]): Part {
    let part = this.#known.get(backends);
    if (part === undefined) {
      part = partOf(backends);
      this.#known.set(backends, part);
    }
    return part;
  }

  /** What `select` makes of the backends for a service with these ports. Remembered for the ports that it was asked for last. */
  selected(
    backends: readonly Backend[],
    ports: readonly NamedPort[],
    select: () => readonly Backend[],
  ): readonly Backend[] {
    const known = this.#selected.get(backends);
    if (known !== undefined && known.ports === ports) return known.backends;
    const selected = select();
    this.#selected.set(backends, { ports, backends: selected });
    return selected;
  }
}

interface Selected {
  readonly ports: readonly NamedPort[];
  readonly backends: readonly Backend[];
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

// What the merge asks of the backends that one cluster has behind a service, and what it made of them. It is found by looking at
// each of them once, and known for as long as the list, or a piece of it, is the same object: of 250 clusters commonly one has
// changed since the last merge, and of its thousands of backends one piece.

import { type List, piecesOf } from '../model/list.ts';
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
  /** Of lists, and of their pieces. */
  readonly #known = new WeakMap<List<Backend>, Part>();
  readonly #selected = new WeakMap<List<Backend>, Selected>();

  of(backends: List<Backend>): Part {
    let part = this.#known.get(backends);
    if (part === undefined) {
      const pieces = piecesOf(backends);
      part = pieces.length > 1 ? joinedPart(pieces, (piece) => this.of(piece)) : partOf(pieces[0] ?? []);
      this.#known.set(backends, part);
    }
    return part;
  }

  /** What `select` makes of the backends for a service with these ports. Remembered for the ports that it was asked for last. */
  selected(backends: List<Backend>, ports: readonly NamedPort[], select: () => List<Backend>): List<Backend> {
    const known = this.#selected.get(backends);
    if (known !== undefined && known.ports === ports) return known.backends;
    const selected = select();
    this.#selected.set(backends, { ports, backends: selected });
    return selected;
  }
}

interface Selected {
  readonly ports: readonly NamedPort[];
  readonly backends: List<Backend>;
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

/** Of more than one piece, none of them empty. */
function joinedPart(pieces: readonly (readonly Backend[])[], of: (piece: readonly Backend[]) => Part): Part {
  const parts = pieces.map(of);
  const cluster = parts[0]?.cluster;
  const ofOne =
    parts.every((part) => part.cluster === cluster) &&
    pieces.every((piece, at) => {
      const [last, next] = [piece.at(-1), pieces[at + 1]?.[0]];
      return last === undefined || next === undefined || compareBackends(last, next) < 0;
    });
  return {
    cluster: ofOne ? cluster : undefined,
    ports: new Set(parts.flatMap(({ ports }) => [...ports])),
    active: parts.some(({ active }) => active),
  };
}

// What the merge asks of the backends that one cluster has behind a service, and what it made of them. It is found by looking at
// each of them once, and known for as long as the list, or a piece of it, is the same object: of 250 clusters commonly one has
// changed since the last merge, and of its thousands of backends one piece.

import { differingPieces, type List, piecesOf } from '../model/list.ts';
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

  /** Says the same of `after`, by the pieces in which it differs from `before` where that is enough. */
  follow(before: List<Backend>, after: List<Backend>): Part {
    const known = this.#known.get(before);
    const part = known && !this.#known.has(after) ? this.#steppedPart(known, before, after) : undefined;
    if (part !== undefined) this.#known.set(after, part);
    return part ?? this.of(after);
  }

  /** Undefined where it takes a look at all pieces. */
  #steppedPart(known: Part, before: List<Backend>, after: List<Backend>): Part | undefined {
    const [ports] = known.ports;
    const { after: come, first, last } = differingPieces(before, after);
    const [kept, all] = [first + last, piecesOf(after)];
    if (known.cluster === undefined || known.ports.size !== 1 || ports === undefined || kept === 0) return undefined;
    const parts = come.map((piece) => this.of(piece));
    const isLike = parts.every(
      ({ cluster, ports: own }) => cluster === known.cluster && own.size === 1 && own.has(ports),
    );
    const isActive = known.active && parts.some(({ active }) => active);
    if (!isLike || !isActive) return undefined;
    const [from, to] = [Math.max(0, first - 1), Math.min(all.length, first + come.length + 1)];
    return areInOrder(all.slice(from, to)) ? known : undefined;
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

/** Of pieces that each are in order: whether they are so one after the other. */
const areInOrder = (pieces: readonly (readonly Backend[])[]): boolean =>
  pieces.every((piece, at) => {
    const [last, first] = [pieces[at - 1]?.at(-1), piece[0]];
    return last === undefined || first === undefined || compareBackends(last, first) < 0;
  });

/** Of more than one piece, none of them empty. In one walk: of a service of thousands a merge asks it for one piece that is new. */
function joinedPart(pieces: readonly (readonly Backend[])[], of: (piece: readonly Backend[]) => Part): Part {
  const ports = new Set<readonly NamedPort[]>();
  const cluster = pieces[0]?.[0]?.cluster;
  let ofOne = true;
  let active = false;
  let last: Backend | undefined;
  for (const piece of pieces) {
    const part = of(piece);
    for (const list of part.ports) ports.add(list);
    const first = piece[0];
    ofOne &&=
      part.cluster === cluster && first !== undefined && (last === undefined || compareBackends(last, first) < 0);
    active ||= part.active;
    last = piece.at(-1);
  }
  return { cluster: ofOne ? cluster : undefined, ports, active };
}

// Long lists in pieces, as those of the thousands of backends behind one service: immutable, and a successor shares every piece that
// did not change. One backend more then costs one short piece and a list of pieces, not a copy of everything, and who compares
// two states passes by whole pieces. Short lists are plain arrays, so that small services pay nothing for it.

/** An array, or pieces: to be walked through, not to be indexed. */
export interface List<T> extends Iterable<T> {
  readonly length: number;
}

/**
 * Lists longer than this are in pieces, none of which is longer. About the root of how long they get: a change then copies as much
 * within a piece as it copies references to pieces. And far below what V8 takes for a large object.
 */
export const PIECE_ITEMS_MAX = 64;
/** Neighbours become one piece where that is no longer than this: else a list that shrinks would be left in crumbs. */
const JOINED_ITEMS_MAX = PIECE_ITEMS_MAX / 2;

/** More than one, and none of them empty. */
type Cut<T> = readonly (readonly T[])[];

class Pieces<T> implements List<T> {
  readonly cut: Cut<T>;
  readonly length: number;

  constructor(cut: Cut<T>, length = cut.reduce((sum, piece) => sum + piece.length, 0)) {
    this.cut = cut;
    this.length = length;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (const piece of this.cut) for (const item of piece) yield item;
  }
}

/** Whatever the list is made of, none of it empty. */
export function piecesOf<T>(list: List<T>): Cut<T> {
  if (list instanceof Pieces) return list.cut;
  return list.length === 0 ? [] : [list as readonly T[]];
}

/** The same one after the other. */
export const itemsOf = <T>(list: List<T>): readonly T[] =>
  list instanceof Pieces ? list.cut.flat() : (list as readonly T[]);

/** The list that consists of these. */
export function listOf<T>(cut: Cut<T>): List<T> {
  const filled = cut.some(({ length }) => length === 0) ? cut.filter(({ length }) => length > 0) : cut;
  if (filled.length > 1) return new Pieces(filled);
  return filled[0] ?? [];
}

/** The same list in pieces that are as long as they may be. An array that has room to grow is copied into ones that have not. */
export const inPieces = <T>(items: readonly T[]): List<T> => listOf(cutUp(items));

function cutUp<T>(items: readonly T[]): Cut<T> {
  const count = Math.ceil(items.length / PIECE_ITEMS_MAX);
  const at = (piece: number) => Math.floor((items.length * piece) / count);
  return Array.from({ length: count }, (_, piece) => items.slice(at(piece), at(piece + 1)));
}

/** One list after the other. */
export function joined<T>(...lists: readonly List<T>[]): List<T> {
  return listOf(lists.flatMap((list) => piecesOf(list)));
}

/**
 * The list with `by` in the place of `part`, whose pieces are its own from that at `first` on. Of what stays, no piece is looked into: of a
 * service of 250 clusters none of them is in the processor's caches.
 */
export function replaced<T>(list: List<T>, first: number, part: List<T>, by: List<T>): List<T> {
  const [cut, old, now] = [piecesOf(list), piecesOf(part), piecesOf(by)];
  const rest = cut.slice(first + old.length);
  const all = [...cut.slice(0, first), ...now, ...rest];
  return all.length > 1 ? new Pieces(all, list.length - part.length + by.length) : (all[0] ?? []);
}

/** From `start` to before `end`, sharing the pieces that lie within. */
export function sliced<T>(list: List<T>, start: number, end = list.length): List<T> {
  if (start === 0 && end === list.length) return list;
  let from = 0;
  const kept = piecesOf(list).map((piece) => {
    const [first, last] = [Math.max(0, start - from), Math.min(piece.length, end - from)];
    from += piece.length;
    return first === 0 && last === piece.length ? piece : piece.slice(first, Math.max(first, last));
  });
  return listOf(kept);
}

/** Puts a list together of pieces that stay and of items that are new. */
export class ListBuilder<T> {
  readonly #cut: (readonly T[])[] = [];
  /** The last piece is new, and may grow. */
  #isOpen = false;

  /** Pieces from `start` to before `end`, as they are. */
  keep(cut: Cut<T>, start: number, end: number): void {
    for (let at = start; at < end; at += 1) this.#add(cut[at] as readonly T[], false);
  }

  put(items: readonly T[]): void {
    // Where nothing is left, its neighbours may have become small ones side by side.
    if (items.length === 0) this.#isOpen = true;
    for (const piece of cutUp(items)) this.#add(piece, true);
  }

  build(): List<T> {
    return listOf(this.#cut.slice());
  }

  #add(piece: readonly T[], isNew: boolean): void {
    const last = this.#cut.at(-1);
    if (last !== undefined && (isNew || this.#isOpen) && last.length + piece.length <= JOINED_ITEMS_MAX) {
      this.#cut[this.#cut.length - 1] = last.concat(piece);
      this.#isOpen = true;
      return;
    }
    this.#cut.push(piece);
    this.#isOpen = isNew;
  }
}

/** What is left of the pieces of two lists without those that they have in common at their ends. */
export function differingPieces<T>(
  a: List<T>,
  b: List<T>,
): { readonly before: Cut<T>; readonly after: Cut<T>; readonly first: number; readonly last: number } {
  const [before, after] = [piecesOf(a), piecesOf(b)];
  const { first, last } = commonEnds(before, after);
  return {
    before: before.slice(first, before.length - last),
    after: after.slice(first, after.length - last),
    first,
    last,
  };
}

/** How many pieces two lists have in common at their beginnings, and then at their ends. */
export function commonEnds<T>(before: Cut<T>, after: Cut<T>): { readonly first: number; readonly last: number } {
  const most = Math.min(before.length, after.length);
  let first = 0;
  while (first < most && before[first] === after[first]) first += 1;
  let last = 0;
  while (last < most - first && before[before.length - 1 - last] === after[after.length - 1 - last]) last += 1;
  return { first, last };
}

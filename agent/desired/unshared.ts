// How two lists differ that share most of their objects in the same order, found by comparing references: what of thousands of
// backends came and went since the snapshot before. Pieces that both lists have are passed by as a whole; of the others, work in
// their length, whatever changed. Few changes are named exactly, and so are long rows that came or went, as when a cluster joins or leaves.

import { commonEnds, type List, piecesOf } from '../../mesh/model/list.ts';

export interface Unshared<T> {
  /** In `before`, in its order. */
  readonly less: readonly T[];
  /** In `after`, in its order. */
  readonly more: readonly T[];
}

/** How many in a row may have been replaced by others for what follows them to be recognised; longer rows cost work, no more. */
const REPLACED_MAX = 8;

/** `after` is `before` without `less` and with `more`. What is in both may be named in both, never in only one of them. */
export function unshared<T extends object>(before: List<T>, after: List<T>): Unshared<T> {
  const [old, now] = [piecesOf(before), piecesOf(after)];
  const { first, last } = commonEnds(old, now);
  const [gone, came] = [old.slice(first, old.length - last), now.slice(first, now.length - last)];
  if (gone.length <= 1 && came.length <= 1) return unsharedItems(gone[0] ?? [], came[0] ?? []);
  const [there, here] = [new Set(gone), new Set(came)];
  return unsharedItems(
    gone.filter((piece) => !here.has(piece)).flat(),
    came.filter((piece) => !there.has(piece)).flat(),
  );
}

function unsharedItems<T extends object>(before: readonly T[], after: readonly T[]): Unshared<T> {
  const less: T[] = [];
  const more: T[] = [];
  let beforeEnd = before.length;
  let afterEnd = after.length;
  while (beforeEnd > 0 && afterEnd > 0 && before[beforeEnd - 1] === after[afterEnd - 1]) {
    beforeEnd -= 1;
    afterEnd -= 1;
  }
  let a = 0;
  let b = 0;
  // Looking ahead in vain costs no more than walking both lists once.
  let ahead = beforeEnd + afterEnd;
  while (a < beforeEnd && b < afterEnd) {
    if (before[a] === after[b]) {
      a += 1;
      b += 1;
      continue;
    }
    let step = replaced(before, a, after, b);
    if (step === undefined) {
      const row = oneSided(before, a, after, b, Math.min(ahead, Math.max(beforeEnd - a, afterEnd - b)));
      ahead -= row.looked;
      step = row;
    }
    for (const end = Math.min(a + step.gone, beforeEnd); a < end; a += 1) less.push(before[a] as T);
    for (const end = Math.min(b + step.came, afterEnd); b < end; b += 1) more.push(after[b] as T);
  }
  for (; a < beforeEnd; a += 1) less.push(before[a] as T);
  for (; b < afterEnd; b += 1) more.push(after[b] as T);
  return { less, more };
}

/** How many to pass by on each side to come to something that is in both. */
interface Passed {
  readonly gone: number;
  readonly came: number;
}

/** The nearest; absent where none is near. */
function replaced<T extends object>(
  before: readonly T[],
  a: number,
  after: readonly T[],
  b: number,
): Passed | undefined {
  for (let distance = 1; distance <= REPLACED_MAX; distance += 1) {
    for (let gone = 0; gone <= distance; gone += 1) {
      const next = before[a + gone];
      if (next !== undefined && next === after[b + distance - gone]) return { gone, came: distance - gone };
    }
  }
  return undefined;
}

/** A row that only came, or only went; one each where it is neither. */
function oneSided<T extends object>(
  before: readonly T[],
  a: number,
  after: readonly T[],
  b: number,
  lookedMax: number,
): Passed & { readonly looked: number } {
  for (let distance = REPLACED_MAX + 1; distance <= lookedMax; distance += 1) {
    if (before[a] === after[b + distance]) return { gone: 0, came: distance, looked: 0 };
    if (before[a + distance] === after[b]) return { gone: distance, came: 0, looked: 0 };
  }
  return { gone: 1, came: 1, looked: Math.max(lookedMax, 0) };
}

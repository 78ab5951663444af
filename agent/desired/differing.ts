// What of a service's frontends has to be looked at anew. Snapshots share the backends that did not change, so that where one
// of thousands did, all the others are passed by with a comparison of references.

import type { DesiredFrontend } from './frontend.ts';

export interface Difference {
  /** To take away from a demand that holds `before`; each frontend without backends that both have. */
  readonly less: readonly DesiredFrontend[];
  /** To add to it afterwards: it then holds `after`. */
  readonly more: readonly DesiredFrontend[];
}

export function differing(before: readonly DesiredFrontend[], after: readonly DesiredFrontend[]): Difference {
  const known = new Map(before.map((frontend) => [frontend.name, frontend]));
  const less = new Map(known);
  const more = after.map((frontend) => {
    const old = known.get(frontend.name);
    if (old === undefined) return frontend;
    const { less: gone, more: came } = unshared(old.backends, frontend.backends);
    less.set(old.name, { ...old, backends: gone });
    return { ...frontend, backends: came };
  });
  return { less: [...less.values()], more };
}

export interface Unshared<T> {
  /** In `before`, in its order. */
  readonly less: readonly T[];
  /** In `after`, in its order. */
  readonly more: readonly T[];
}

/** How many backends in a row may have come or gone for what follows them to be recognised; longer rows cost work, no more. */
const ROW_MAX = 8;

/**
 * `after` is `before` without `less` and with `more`. A backend of both may be named in both, never in only one of them; of a
 * few changes anywhere in the lists, only these are named.
 */
export function unshared<T extends object>(before: readonly T[], after: readonly T[]): Unshared<T> {
  let beforeEnd = before.length;
  let afterEnd = after.length;
  while (beforeEnd > 0 && afterEnd > 0 && before[beforeEnd - 1] === after[afterEnd - 1]) {
    beforeEnd -= 1;
    afterEnd -= 1;
  }
  const less: T[] = [];
  const more: T[] = [];
  let a = 0;
  let b = 0;
  while (a < beforeEnd && b < afterEnd) {
    if (before[a] === after[b]) {
      a += 1;
      b += 1;
      continue;
    }
    const [gone, came] = nextShared(before, a, after, b);
    less.push(...before.slice(a, Math.min(a + gone, beforeEnd)));
    more.push(...after.slice(b, Math.min(b + came, afterEnd)));
    a = Math.min(a + gone, beforeEnd);
    b = Math.min(b + came, afterEnd);
  }
  for (; a < beforeEnd; a += 1) less.push(before[a] as T);
  for (; b < afterEnd; b += 1) more.push(after[b] as T);
  return { less, more };
}

/** How many to pass by on each side to come to the nearest backend of both; one each where none is near. */
function nextShared<T extends object>(
  before: readonly T[],
  a: number,
  after: readonly T[],
  b: number,
): readonly [number, number] {
  for (let distance = 1; distance <= ROW_MAX; distance += 1) {
    for (let gone = 0; gone <= distance; gone += 1) {
      const next = before[a + gone];
      if (next !== undefined && next === after[b + distance - gone]) return [gone, distance - gone];
    }
  }
  return [1, 1];
}

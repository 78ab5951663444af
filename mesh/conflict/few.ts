// A set that nearly always has one element or a few, in the form that takes least: the element itself, a list in its size, and only
// beyond that a Set. There are as many of them as there are identities and services in a mesh.

/** Of things that are no arrays and no sets. */
export type Few<T> = T | readonly T[] | ReadonlySet<T>;

/** Longer lists would be slow to search. */
const LISTED_MAX = 16;
const NOTHING: readonly never[] = [];

const isList = <T>(few: Few<T>): few is readonly T[] => Array.isArray(few);
const isSet = <T>(few: Few<T>): few is ReadonlySet<T> => few instanceof Set;

export function itemsOf<T>(few: Few<T> | undefined): Iterable<T> {
  if (few === undefined) return NOTHING;
  return isList(few) || isSet(few) ? few : [few];
}

/** A set is changed in place; everything else is made anew, in its size: a list that grew has room for many more. */
export function withItem<T>(few: Few<T> | undefined, item: T): Few<T> {
  if (few === undefined || few === item) return item;
  if (isSet(few)) return (few as Set<T>).add(item);
  if (!isList(few)) return [few, item];
  if (few.includes(item)) return few;
  return few.length < LISTED_MAX ? few.concat(item) : new Set(few).add(item);
}

/** Undefined once it is empty. */
export function withoutItem<T>(few: Few<T> | undefined, item: T): Few<T> | undefined {
  if (few === undefined || few === item) return undefined;
  if (isSet(few)) {
    (few as Set<T>).delete(item);
    return few.size === 0 ? undefined : few;
  }
  if (!isList(few)) return few;
  const rest = few.filter((other) => other !== item);
  return rest.length === 1 ? rest[0] : rest;
}

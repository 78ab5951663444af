// A list with a part of it replaced, as lists of thousands are that change by a few: the rest is copied as a whole, and the list is
// as long as it has to be. One that is filled item by item makes V8 move it again and again, and keeps room for more.

/** Beyond this many they do not fit into one call. */
const INSERTED_MAX = 4_096;

/** `items` with `inserted` in the place of what stands from `start` to before `end`. */
export function replaced<T>(items: readonly T[], start: number, end: number, inserted: readonly T[]): readonly T[] {
  if (inserted.length <= INSERTED_MAX) return items.toSpliced(start, end - start, ...inserted);
  return items.slice(0, start).concat(inserted, items.slice(end));
}

// Which backend goes into which slot. What is already in a fitting slot stays there, so that one changed backend of thousands
// costs one slot, and most readers see no change at all.

/**
 * Backend ids by slot, the first for slot 1. `selected` fill the slots that new connections use, in any order; `draining`
 * the slots after them. What needs a place takes the free slots in the order given.
 */
export function assignSlots(
  observed: (slot: number) => number | undefined,
  selected: readonly number[],
  draining: readonly number[],
): readonly number[] {
  return [...fillSlots(observed, 1, selected), ...fillSlots(observed, 1 + selected.length, draining)];
}

/** The backend ids of the slots from `firstSlot` on, as many as there are ids. */
export function fillSlots(
  observed: (slot: number) => number | undefined,
  firstSlot: number,
  ids: readonly number[],
): readonly number[] {
  // Commonly all but a few are where they are to be: only the others are worth a set.
  const places: (number | undefined)[] = [];
  const homeless = new Set<number>();
  for (const id of ids) {
    const there = observed(firstSlot + places.length);
    places.push(there);
    if (there !== id) homeless.add(id);
  }
  if (homeless.size === 0) return ids;
  const settled = places.map((there, index) => there === ids[index] || (there !== undefined && homeless.delete(there)));
  const moving = homeless.values();
  return places.map((there, index) => (settled[index] === true ? there : moving.next().value) as number);
}

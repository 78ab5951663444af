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
  return [...fill(observed, 1, selected), ...fill(observed, 1 + selected.length, draining)];
}

function fill(
  observed: (slot: number) => number | undefined,
  firstSlot: number,
  ids: readonly number[],
): readonly number[] {
  const homeless = new Set(ids);
  const places = ids.map((_, index) => {
    const id = observed(firstSlot + index);
    return id !== undefined && homeless.delete(id) ? id : undefined;
  });
  const moving = homeless.values();
  return places.map((id) => id ?? (moving.next().value as number));
}

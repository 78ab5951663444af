// How long work lets others run: it asks for a pause now and then, and gets one when it has had the event loop for a while
// (breather.ts). Who has thousands of small things to do visits them here, so that asking does not cost more than doing.

/** Resolves when others have had their turn; undefined when none is due. */
export type Pause = () => Promise<void> | undefined;

/** Visits between two questions; the dearest of them take some ten microseconds. */
const VISITS_PER_QUESTION = 32;

export async function visitAll<T>(items: Iterable<T>, pause: Pause, visit: (item: T) => void): Promise<void> {
  let visited = 0;
  if (Array.isArray(items)) {
    // An iterator would make an object of each visit.
    for (const list: readonly T[] = items; visited < list.length; ) {
      visit(list[visited] as T);
      visited += 1;
      const turn = visited % VISITS_PER_QUESTION === 0 ? pause() : undefined;
      if (turn !== undefined) await turn;
    }
    return;
  }
  for (const item of items) {
    visit(item);
    visited += 1;
    if (visited % VISITS_PER_QUESTION !== 0) continue;
    const turn = pause();
    if (turn !== undefined) await turn;
  }
}

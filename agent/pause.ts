// How long work lets others run: it asks for a pause now and then, and gets one when it has had the event loop for a while
// (breather.ts). Who has thousands of small things to do visits them here, so that asking does not cost more than doing.

/** Resolves when others have had their turn; undefined when none is due. */
export type Pause = () => Promise<void> | undefined;

/** Visits between two questions; the dearest of them take some ten microseconds. */
const VISITS_PER_QUESTION = 32;

export async function visitAll<T>(items: Iterable<T>, pause: Pause, visit: (item: T) => void): Promise<void> {
  let visited = 0;
  for (const item of items) {
    visit(item);
    visited += 1;
    if (visited % VISITS_PER_QUESTION !== 0) continue;
    const turn = pause();
    if (turn !== undefined) await turn;
  }
}

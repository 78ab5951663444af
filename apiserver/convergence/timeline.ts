// When each revision of one history was published, as numbers only: answers for how long a reader who holds some revision has
// been waiting for the next. Its size is bounded. Where the bound is reached, old neighbours become one, so that what it says of
// a reader who is far behind is never less than the truth. It reads no clock.

import type { Revision } from '../../mesh/model/names.ts';

/**
 * 64 KB of numbers. The newer half is exact: at one snapshot each 5 ms, the fastest that there is, the last 10 seconds; before
 * that, a wait is told too long by at most the time between two revisions that are still remembered.
 */
export const POSITIONS_MAX = 4_096;

interface Published {
  readonly revision: Revision;
  readonly at: number;
}

export class Timeline {
  #published: Published[] = [];

  /** Another history begins. */
  clear(): void {
    this.#published = [];
  }

  /** Revisions and times only grow. */
  push(revision: Revision, at: number): void {
    this.#published.push({ revision, at });
    if (this.#published.length > POSITIONS_MAX) this.#thin();
  }

  get size(): number {
    return this.#published.length;
  }

  /** When the oldest change beyond that revision was published; absent when there is none. */
  outdatedSince(revision: Revision): number | undefined {
    let [low, high] = [0, this.#published.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#published[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#published[low]?.at;
  }

  /** Each pair of the older half becomes the later revision at the earlier time. */
  #thin(): void {
    const half = POSITIONS_MAX / 2;
    const older: Published[] = [];
    for (let index = 0; index < half; index += 2) {
      const [first, second] = this.#published.slice(index, index + 2);
      if (first !== undefined && second !== undefined) older.push({ revision: second.revision, at: first.at });
    }
    this.#published = [...older, ...this.#published.slice(half)];
  }
}

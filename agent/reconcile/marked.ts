// What the reconciler has to look at: at once, or when readers have let go of what they hold. It knows of frontends and targets
// only that, and nothing of what is to become of them.

import type { Entrance } from '../desired/frontend.ts';
import type { Target } from '../desired/targets.ts';

export class Marked {
  readonly frontends = new MarkedEntrances();
  readonly targets = new Set<Target>();
  /** Frontends with something to do later, and when; the earliest first. */
  readonly #later = new Map<Entrance, number>();

  get isEmpty(): boolean {
    return this.frontends.size + this.targets.size === 0;
  }

  get hasLater(): boolean {
    return this.#later.size > 0;
  }

  /** When the first of those is due that are not to be looked at now. */
  get dueAt(): number | undefined {
    for (const at of this.#later.values()) return at;
    return undefined;
  }

  /** `at` is after every time that was named before. */
  postpone(entrances: Iterable<Entrance>, at: number): void {
    for (const entrance of entrances) {
      this.#later.delete(entrance);
      this.#later.set(entrance, at);
    }
  }

  forgetLater(): void {
    this.#later.clear();
  }

  /** Marks what is due. */
  wake(now: number): void {
    for (const [entrance, at] of this.#later) {
      if (at > now) return;
      this.#later.delete(entrance);
      this.frontends.add(entrance);
    }
  }

  /** Not marked any more. */
  takeTargets(max: number): readonly Target[] {
    const taken: Target[] = [];
    for (const target of this.targets) {
      if (taken.length === max) break;
      taken.push(target);
    }
    for (const target of taken) this.targets.delete(target);
    return taken;
  }
}

/** A set in the order in which it came together, of which each entrance knows whether it is in it. */
class MarkedEntrances {
  /** Also those that were unmarked out of turn, which are passed by. */
  #queue: Entrance[] = [];
  #next = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(entrance: Entrance): void {
    if (entrance.isMarked) return;
    entrance.isMarked = true;
    this.#size += 1;
    // Also where the queue never empties, because a map fails again and again, it stays as long as what is in it.
    if (this.#next > this.#queue.length / 2) {
      this.#queue = this.#queue.slice(this.#next);
      this.#next = 0;
    }
    this.#queue.push(entrance);
  }

  /** Whether it was marked. */
  delete(entrance: Entrance): boolean {
    if (!entrance.isMarked) return false;
    entrance.isMarked = false;
    this.#size -= 1;
    if (this.#size === 0) {
      this.#queue = [];
      this.#next = 0;
    }
    return true;
  }

  /** The one that was marked first. It stays marked. */
  get first(): Entrance | undefined {
    let entrance = this.#queue[this.#next];
    while (entrance?.isMarked === false) {
      this.#next += 1;
      entrance = this.#queue[this.#next];
    }
    return entrance;
  }
}

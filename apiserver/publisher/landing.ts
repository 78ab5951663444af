// Which keys have changes that etcd does not hold yet, and who waits for them. A change is numbered when it is made; a write
// carries the number of the newest change that it includes, so that a key which changes all the time delays nobody forever.

interface Barrier {
  /** By key, the number of the change that must have landed. */
  readonly missing: Map<string, number>;
  readonly then: () => void;
}

export class Landing {
  readonly #changes = new Map<string, number>();
  readonly #barriers = new Set<Barrier>();
  #last = 0;

  /** Keys with changes that have not landed. */
  get size(): number {
    return this.#changes.size;
  }

  keys(): Iterable<string> {
    return this.#changes.keys();
  }

  isMissing(key: string): boolean {
    return this.#changes.has(key);
  }

  changed(key: string): void {
    this.#last += 1;
    this.#changes.set(key, this.#last);
  }

  /** The number to hand back when what `key` is now has landed. */
  newest(key: string): number {
    return this.#changes.get(key) ?? this.#last;
  }

  landed(key: string, change: number): void {
    if ((this.#changes.get(key) ?? Infinity) <= change) this.#changes.delete(key);
    for (const barrier of this.#barriers) {
      if ((barrier.missing.get(key) ?? Infinity) > change) continue;
      barrier.missing.delete(key);
      this.#open(barrier);
    }
  }

  /** Whether something that `concerns` accepts is on its way and was made before `change`. */
  isBehind(change: number, concerns: (key: string) => boolean): boolean {
    for (const [key, made] of this.#changes) if (made < change && concerns(key)) return true;
    return false;
  }

  /** Calls `then` once, when everything that `concerns` accepts and that is on its way now has landed. */
  whenLanded(concerns: (key: string) => boolean, then: () => void): void {
    const missing = new Map([...this.#changes].filter(([key]) => concerns(key)));
    const barrier = { missing, then };
    this.#barriers.add(barrier);
    this.#open(barrier);
  }

  #open(barrier: Barrier): void {
    if (barrier.missing.size > 0 || !this.#barriers.delete(barrier)) return;
    barrier.then();
  }
}

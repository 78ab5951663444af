// Which prefixes a cluster claims, for the day when the cluster gets another id and all its rows have to be looked at. A list to which
// is only added: it takes a quarter of what a Set takes, and may name what is not claimed any more, which is looked at in vain.

/** Beyond as many again as there are, names of what is gone are cleared away. */
const GONE_MIN = 64;

export class Claims {
  #prefixes: string[] = [];
  #count = 0;

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Something that was not claimed before. */
  add(prefix: string): void {
    this.#prefixes.push(prefix);
    this.#count += 1;
  }

  /** Something is not claimed any more; `isClaimed` says of the others whether they still are. */
  drop(isClaimed: (prefix: string) => boolean): void {
    this.#count -= 1;
    if (this.#prefixes.length < 2 * this.#count + GONE_MIN) return;
    this.#prefixes = [...new Set(this.#prefixes)].filter(isClaimed);
  }

  /** All that are claimed, and perhaps others, and some twice. */
  [Symbol.iterator](): Iterator<string> {
    return this.#prefixes[Symbol.iterator]();
  }
}

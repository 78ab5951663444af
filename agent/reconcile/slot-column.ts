// Backend ids of the slots of many frontends, one frontend's after the other, in one column of numbers: nothing for the garbage
// collector to look at or to move. A frontend has a place with room for a power of two; places that are given back are used again.

/** Most frontends have no more. */
const ROOM_MIN = 4;
const COLUMN_AT_FIRST = 1_024;

export class SlotColumn {
  #ids = new Uint32Array(COLUMN_AT_FIRST);
  #end = 0;
  /** Places to use again, by their room's power of two. */
  readonly #free: number[][] = [];

  /** Only until the next place is taken. */
  get ids(): Uint32Array {
    return this.#ids;
  }

  /** How much a place has that takes so many. */
  roomFor(length: number): number {
    let room = ROOM_MIN;
    while (room < length) room *= 2;
    return room;
  }

  /** Where there is so much room, as `roomFor` says it; there are zeros. */
  take(room: number): number {
    const free = this.#free[Math.log2(room)]?.pop();
    if (free !== undefined) {
      this.#ids.fill(0, free, free + room);
      return free;
    }
    const at = this.#end;
    this.#end += room;
    if (this.#end > this.#ids.length) {
      const grown = new Uint32Array(Math.max(2 * this.#ids.length, this.#end));
      grown.set(this.#ids);
      this.#ids = grown;
    }
    return at;
  }

  giveBack(at: number, room: number): void {
    const power = Math.log2(room);
    this.#free[power] ??= [];
    this.#free[power].push(at);
  }
}

// Memory for many small values that come together and mostly stay together, as the entries of a list do: an allocation of its
// own costs each of them nearly as much as a typical record has. A piece is kept for as long as one value in it is, so that
// values which are replaced one by one must not come here: what a list took is the most that is ever kept for nothing.

/** Two hundred typical records. */
const PIECE_BYTES = 64 * 1024;
/** Larger values gain nothing. */
const SHARED_BYTES_MAX = 4 * 1024;

export class Slab {
  #expected: number;
  #piece = new Uint8Array(0);
  #used = 0;

  /** For copies of exactly these. */
  constructor(values: readonly Uint8Array[]) {
    this.#expected = values.reduce((sum, { length }) => (length > SHARED_BYTES_MAX ? sum : sum + length), 0);
  }

  copy(value: Uint8Array): Uint8Array {
    const { length } = value;
    if (length > SHARED_BYTES_MAX) return new Uint8Array(value);
    if (this.#used + length > this.#piece.length) {
      this.#piece = new Uint8Array(Math.max(length, Math.min(PIECE_BYTES, this.#expected)));
      this.#used = 0;
    }
    const copy = this.#piece.subarray(this.#used, this.#used + length);
    copy.set(value);
    this.#used += length;
    this.#expected -= length;
    return copy;
  }
}

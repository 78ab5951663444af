// 64-bit integers as the codecs give them, to what this program counts with.

/** Structural, so that no copy of `long` need be imported. */
export type Int64 = number | { readonly low: number; readonly high: number; readonly unsigned: boolean };

/** Of 2^53, the first number that has a neighbour it cannot be told from. */
const UNSAFE_HIGH = 0x20_0000;

/**
 * From 0 to 2^53 - 1; undefined for every other. What fits into 31 bits is given as it is: V8 keeps the result of a calculation as a
 * double, which takes 16 bytes of their own wherever it is kept. A `Long` is not made a text, as `Number` would.
 */
export function safeNumberOf(value: Int64): number | undefined {
  if (typeof value === 'number') {
    const small = value | 0;
    if (small === value && small >= 0) return small;
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  if (value.high === 0 && value.low >= 0) return value.low;
  if (value.high < 0 || value.high >= UNSAFE_HIGH) return undefined;
  return value.high * 0x1_0000_0000 + (value.low >>> 0);
}

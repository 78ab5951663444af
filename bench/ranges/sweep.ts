// The usual way to find ranges that meet, to measure against: sort all of them, then walk over them with the stack of those around.
// The result is that of the whole set; there is no way to change one range but to do it again.

import { compareBytes } from '../../mesh/model/address.ts';
import { containsPrefix, type Prefix } from '../../mesh/model/prefix.ts';

export interface SweptRange {
  readonly cluster: string;
  readonly prefix: Prefix;
}

/** How many pairs of ranges of different clusters meet. */
export function sweep(ranges: readonly SweptRange[]): number {
  const sorted = [...ranges].sort(
    (a, b) => compareBytes(a.prefix.bytes, b.prefix.bytes) || a.prefix.length - b.prefix.length,
  );
  const around: SweptRange[] = [];
  let pairs = 0;
  for (const range of sorted) {
    for (let last = around.at(-1); last !== undefined; last = around.at(-1)) {
      if (containsPrefix(last.prefix, range.prefix)) break;
      around.pop();
    }
    for (const { cluster } of around) if (cluster !== range.cluster) pairs += 1;
    around.push(range);
  }
  return pairs;
}

// The usual way to find ranges that meet, to measure against: sort all of them, then walk over them with the stack of those around.
// The result is that of the whole set; there is no way to change one range but to do it again.

import { containsPrefix, type Prefix } from '../../mesh/model/prefix.ts';

export interface SweptRange {
  readonly cluster: string;
  readonly prefix: Prefix;
}

/** How many pairs of ranges of different clusters meet. */
export function sweep(ranges: readonly SweptRange[]): number {
  const sorted = [...ranges].sort((a, b) => comparePrefixes(a.prefix, b.prefix));
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

/** By family, then first address, the wider one first: the order in which nesting is a stack. */
function comparePrefixes(x: Prefix, y: Prefix): number {
  if (x.family !== y.family) return x.family - y.family;
  if (x.a !== y.a) return (x.a >>> 0) - (y.a >>> 0);
  if (x.b !== y.b) return (x.b >>> 0) - (y.b >>> 0);
  if (x.c !== y.c) return (x.c >>> 0) - (y.c >>> 0);
  if (x.d !== y.d) return (x.d >>> 0) - (y.d >>> 0);
  return x.length - y.length;
}

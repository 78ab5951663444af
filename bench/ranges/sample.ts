// The ranges of a large mesh, as text: most lie apart, some inside a range of another cluster, in both families. The same seed gives
// the same ranges.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { Random } from '../../runtime/random.ts';

export interface SampleRange {
  readonly cluster: ClusterName;
  readonly text: string;
}

const CLUSTERS = 250;
/** One in so many is IPv6. */
const V6_EVERY = 4;
/** One in so many lies inside a range that another cluster has already. */
const INSIDE_EVERY = 100;

export const sampleClusters: readonly ClusterName[] = Array.from(
  { length: CLUSTERS },
  (_, at) => `cluster-${at}` as ClusterName,
);

/** In random order. Ranges of one cluster never lie in each other, so that every pair that meets is a conflict. */
export function sampleRanges(count: number, random: Random): readonly SampleRange[] {
  const ranges: SampleRange[] = [];
  for (let at = 0; at < count; at += 1) {
    const cluster = sampleClusters[at % CLUSTERS];
    if (cluster === undefined) continue;
    const inner = at % INSIDE_EVERY === 1;
    const block = inner ? at - 1 : at;
    const text = block % V6_EVERY === 0 ? rangeV6(block, inner) : rangeV4(block, inner);
    ranges.push({ cluster, text });
  }
  return shuffled(ranges, random);
}

/** Blocks of 4,096 addresses from 1.0.0.0 on: a /20, or a /24 in the middle of it. */
function rangeV4(block: number, inner: boolean): string {
  const address = 0x0100_0000 + block * 4096 + (inner ? 1024 : 0);
  const octets = [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff);
  return `${octets.join('.')}/${inner ? 24 : 20}`;
}

/** A /48, or a /64 in it. */
function rangeV6(block: number, inner: boolean): string {
  const [high, low] = [(block >>> 16) & 0xffff, block & 0xffff].map((group) => group.toString(16));
  return `fd00:${high}:${low}:${inner ? '5::/64' : ':/48'}`;
}

function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random.next() * (at + 1));
    const [a, b] = [result[at], result[other]];
    if (a !== undefined && b !== undefined) [result[at], result[other]] = [b, a];
  }
  return result;
}

// The ranges that a cluster shows at its nodes, as far as they are compared with those of others: what its card declares anyway
// is not kept. Each change of a node says which ranges came and which went; the rest is not looked at.

import { parseAddress } from '../model/address.ts';
import type { ClusterName } from '../model/names.ts';
import { type Prefix, parsePrefix, singlePrefix } from '../model/prefix.ts';
import type { ClusterRange } from './ranges.ts';
import type { RecordValue } from './record-value.ts';
import type { Standing } from './standing.ts';

export interface RangeChange {
  readonly gone: readonly ClusterRange[];
  readonly come: readonly ClusterRange[];
}

type Kind = 'pod' | 'node';
const UNCHANGED: RangeChange = { gone: [], come: [] };

export class ObservedRanges {
  readonly #cluster: ClusterName;
  /** By text, which tells the kind: an address of a node has no length, a range of its pods has one. */
  readonly #ranges = new Map<string, ObservedRange>();
  /** Nodes that show a range which another one, earlier in order, shows too; few. */
  readonly #laterKeys = new Map<string, readonly string[]>();

  constructor(cluster: ClusterName) {
    this.#cluster = cluster;
  }

  get size(): number {
    return this.#ranges.size;
  }

  all(): Iterable<ClusterRange> {
    return this.#ranges.values();
  }

  clear(): void {
    this.#ranges.clear();
    this.#laterKeys.clear();
  }

  /** The node at `key` said `before`, and says `after` now. */
  note(key: string, before: RecordValue | undefined, after: RecordValue | undefined, standing: Standing): RangeChange {
    const was = textsOf(before);
    const is = textsOf(after);
    if (sameTexts(was, is)) return UNCHANGED;
    const gone: ClusterRange[] = [];
    const come: ClusterRange[] = [];
    for (const text of was) if (!is.includes(text)) this.#drop(text, key, gone, come);
    for (const text of is) {
      if (!was.includes(text) && isCompared(text, standing)) this.#show(text, key, gone, come);
    }
    return { gone, come };
  }

  #show(text: string, key: string, gone: ClusterRange[], come: ClusterRange[]): void {
    const known = this.#ranges.get(text);
    const keys = known === undefined ? [key] : [known.key, key, ...(this.#laterKeys.get(text) ?? [])].sort();
    this.#keep(text, known, keys, gone, come);
  }

  #drop(text: string, key: string, gone: ClusterRange[], come: ClusterRange[]): void {
    const known = this.#ranges.get(text);
    if (known === undefined) return;
    const keys = [known.key, ...(this.#laterKeys.get(text) ?? [])].filter((other) => other !== key);
    this.#keep(text, known, keys, gone, come);
  }

  /** A range is that of the first node that shows it. */
  #keep(
    text: string,
    known: ObservedRange | undefined,
    [first, ...later]: readonly string[],
    gone: ClusterRange[],
    come: ClusterRange[],
  ): void {
    if (later.length > 0) this.#laterKeys.set(text, later);
    else this.#laterKeys.delete(text);
    if (known !== undefined && known.key === first) return;
    if (known !== undefined) gone.push(known);
    this.#ranges.delete(text);
    if (first === undefined) return;
    const range = new ObservedRange(this.#cluster, text, first);
    this.#ranges.set(text, range);
    come.push(range);
  }
}

/** Kept as the text that the node's value has anyway: a mesh may show half a million of them. */
class ObservedRange implements ClusterRange {
  readonly cluster: ClusterName;
  readonly key: string;
  readonly #text: string;

  constructor(cluster: ClusterName, text: string, key: string) {
    this.cluster = cluster;
    this.#text = text;
    this.key = key;
  }

  get kind(): Kind {
    return kindOf(this.#text);
  }

  get prefix(): Prefix {
    return prefixOf(this.#text);
  }

  get declared(): false {
    return false;
  }

  get grown(): false {
    return false;
  }
}

const kindOf = (text: string): Kind => (text.includes('/') ? 'pod' : 'node');

/** Of texts that were canonical when they were read. */
function prefixOf(text: string): Prefix {
  if (text.includes('/')) {
    const range = parsePrefix(text);
    if (range.ok) return range.value.prefix;
  } else {
    const address = parseAddress(text);
    if (address.ok) return singlePrefix(address.value);
  }
  throw new Error(`not a range: ${text}`);
}

const textsOf = (value: RecordValue | undefined): readonly string[] =>
  value?.kind === 'nodes' ? [...value.addresses, ...value.allocations] : [];

/** A plain cluster's ranges are those of its nodes; of others only node addresses that no declared node range holds. */
function isCompared(text: string, { declaresPods, declaresNodes, declared }: Standing): boolean {
  if (kindOf(text) === 'pod') return !declaresPods;
  return !declaresNodes || !declared.covering(prefixOf(text)).includes('node');
}

/** Most changes of a node are of its labels or its health. */
const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);

// The ranges that a cluster shows at its nodes, as far as they are compared with those of others: what its card declares anyway
// is not kept. Each change of a node says which ranges came and which went; the rest is not looked at.

import type { ClusterName } from '../model/names.ts';
import type { Prefix } from '../model/prefix.ts';
import type { ClusterRange } from './ranges.ts';
import { addressUses, type RecordValue } from './record-value.ts';
import type { Standing } from './standing.ts';

export interface RangeChange {
  readonly gone: readonly ClusterRange[];
  readonly come: readonly ClusterRange[];
}

/** A range with the keys of all nodes that show it; its own is the first of them. */
interface Seen {
  readonly range: ClusterRange & Shown;
  readonly others: readonly string[];
}

const UNCHANGED: RangeChange = { gone: [], come: [] };

export class ObservedRanges {
  readonly #cluster: ClusterName;
  /** By kind and range: `pod 10.0.0.0/24`. */
  readonly #seen = new Map<string, Seen>();

  constructor(cluster: ClusterName) {
    this.#cluster = cluster;
  }

  get size(): number {
    return this.#seen.size;
  }

  all(): readonly ClusterRange[] {
    return [...this.#seen.values()].map(({ range }) => range);
  }

  clear(): void {
    this.#seen.clear();
  }

  /** The node at `key` said `before`, and says `after` now. */
  note(key: string, before: RecordValue | undefined, after: RecordValue | undefined, standing: Standing): RangeChange {
    if (sameRanges(before, after)) return UNCHANGED;
    const was = this.#compared(before, standing);
    const is = this.#compared(after, standing);
    const gone: ClusterRange[] = [];
    const come: ClusterRange[] = [];
    for (const name of was.keys()) if (!is.has(name)) this.#drop(name, key, gone, come);
    for (const [name, use] of is) if (!was.has(name)) this.#show(name, key, use, gone, come);
    return gone.length + come.length === 0 ? UNCHANGED : { gone, come };
  }

  #compared(value: RecordValue | undefined, standing: Standing): ReadonlyMap<string, Shown> {
    const shown = new Map<string, Shown>();
    if (value?.kind !== 'nodes') return shown;
    for (const { role, prefix } of addressUses(value)) {
      const kind = role === 'allocation' ? 'pod' : 'node';
      if (isCompared(kind, prefix, standing)) shown.set(`${kind} ${prefix.text}`, { kind, prefix });
    }
    return shown;
  }

  #show(name: string, key: string, { kind, prefix }: Shown, gone: ClusterRange[], come: ClusterRange[]): void {
    const seen = this.#seen.get(name);
    const keys = seen === undefined ? [key] : [seen.range.key, ...seen.others, key].sort();
    this.#keep(name, seen, keys, { kind, prefix }, gone, come);
  }

  #drop(name: string, key: string, gone: ClusterRange[], come: ClusterRange[]): void {
    const seen = this.#seen.get(name);
    if (seen === undefined) return;
    const keys = [seen.range.key, ...seen.others].filter((other) => other !== key);
    this.#keep(name, seen, keys, seen.range, gone, come);
  }

  #keep(
    name: string,
    seen: Seen | undefined,
    [first, ...others]: readonly string[],
    { kind, prefix }: Shown,
    gone: ClusterRange[],
    come: ClusterRange[],
  ): void {
    if (first !== undefined && first === seen?.range.key) {
      this.#seen.set(name, { range: seen.range, others });
      return;
    }
    if (seen !== undefined) gone.push(seen.range);
    if (first === undefined) {
      this.#seen.delete(name);
      return;
    }
    const range = { cluster: this.#cluster, kind, prefix, key: first, declared: false, grown: false };
    this.#seen.set(name, { range, others });
    come.push(range);
  }
}

interface Shown {
  readonly kind: 'pod' | 'node';
  readonly prefix: Prefix;
}

/** A plain cluster's ranges are those of its nodes; of others only node addresses that no declared node range holds. */
function isCompared(kind: 'pod' | 'node', prefix: Prefix, { declaresPods, declared }: Standing): boolean {
  return kind === 'pod' ? !declaresPods : !declared.covering(prefix).includes('node');
}

/** Most changes of a node are of its labels or its health. */
function sameRanges(before: RecordValue | undefined, after: RecordValue | undefined): boolean {
  if (before === after) return true;
  if (before?.kind !== 'nodes' || after?.kind !== 'nodes') return false;
  return sameTexts(before.addresses, after.addresses) && sameTexts(before.allocations, after.allocations);
}

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);

// Which keys say whose addresses are whose, and which of them have changed lately: what it takes to tell an agent everything, or only
// what is new to it. The values are those of the mirror's entries, whose bytes may come to be shared with others (keep-once.ts), and are
// read when somebody is told. It is fed like the view, and writes nothing.

import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import type { KeyValue, MirrorBatch, MirrorObserver } from '../store/port.ts';
import { ADDRESSES_PREFIX, NODES_PREFIX } from './records.ts';

export interface AddressFeed {
  /** Everything up to here is in what `keys` and `since` name; absent before the first complete list. */
  readonly reached: Position | undefined;
  read(key: string): Uint8Array | undefined;
  keys(): Iterable<string>;
  /** Keys that changed after the position; undefined where that is not known any more. */
  since(position: Position): ReadonlySet<string> | undefined;
  /** Called when `reached` has moved. The returned function ends it. */
  subscribe(listener: () => void): () => void;
}

interface Change {
  readonly revision: Revision;
  readonly key: string;
}

/** Rolling 50 nodes of 100 pods twice; an agent that missed more is told everything. Some 5 MB when full. */
const CHANGES_MAX = 65_536;

export class AddressBook implements AddressFeed, MirrorObserver {
  readonly #entries = new Map<string, KeyValue>();
  readonly #listeners = new Set<() => void>();
  /** In the order of revisions; complete after `#completeFrom`. */
  #changes: Change[] = [];
  #completeFrom = 0;
  #reached: Position | undefined;

  get reached(): Position | undefined {
    return this.#reached;
  }

  read(key: string): Uint8Array | undefined {
    return this.#entries.get(key)?.value;
  }

  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  since({ storeId, revision }: Position): ReadonlySet<string> | undefined {
    if (storeId !== this.#reached?.storeId || revision < this.#completeFrom) return undefined;
    let [low, high] = [0, this.#changes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle]?.revision ?? revision) <= revision) low = middle + 1;
      else high = middle;
    }
    return new Set(this.#changes.slice(low).map(({ key }) => key));
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  onBatch({ position, events, relisted, more = false }: MirrorBatch): void {
    // Nothing is complete before the first whole list.
    if (this.#reached === undefined && !relisted) return;
    const anew = this.#reached?.storeId !== position.storeId;
    if (anew) {
      this.#changes = [];
      this.#completeFrom = position.revision;
    }
    for (const event of events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (!key.startsWith(ADDRESSES_PREFIX) && !key.startsWith(NODES_PREFIX)) continue;
      if (event.type === 'put') this.#entries.set(key, event.kv);
      else this.#entries.delete(key);
      if (!anew) this.#changes.push({ revision: position.revision, key });
    }
    if (this.#changes.length > CHANGES_MAX) {
      const dropped = this.#changes.splice(0, this.#changes.length - CHANGES_MAX / 2);
      this.#completeFrom = dropped.at(-1)?.revision ?? this.#completeFrom;
    }
    // A value from beyond what is reached does no harm: whoever is told it is told of its change later.
    if (more) return;
    this.#reached = position;
    for (const listener of this.#listeners) listener();
  }
}

// Which keys say whose addresses are whose, and which of them have changed lately: what it takes to tell an agent everything, or only
// what is new to it. Keys and values are those of the mirror of the own etcd, read when somebody is told: of a large mesh they are
// nearly all that it has, so that a table of them beside it would only take room. It is fed like the view, and writes nothing. While an
// etcd is listed anew, or filled again after it was wiped, agents are told from what was there before.

import type { Revision } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { EPOCH_KEY } from '../../mesh/wire/epoch.ts';
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

type Content = ReadonlyMap<string, KeyValue>;

/** Rolling 50 nodes of 100 pods twice; an agent that missed more is told everything. A megabyte when full, beside keys that are gone. */
const CHANGES_MAX = 65_536;

export class AddressBook implements AddressFeed, MirrorObserver {
  readonly #content: () => Content;
  /** As it is, or was before the list that is being told. */
  #shown: Content;
  /** Of what is shown. */
  #epoch: KeyValue | undefined;
  readonly #listeners = new Set<() => void>();
  /** Of each change its key and its revision, in the order of revisions; complete after `#completeFrom`. */
  #changed: string[] = [];
  #changedAt: Revision[] = [];
  #completeFrom = 0;
  #reached: Position | undefined;

  /** `content`: of the mirror that feeds it, see Mirror. It may be ahead of what the book is told. */
  constructor(content: () => Content) {
    this.#content = content;
    this.#shown = content();
  }

  get reached(): Position | undefined {
    // Without the epoch that it was filled under, an etcd is being emptied by hand: nothing is told from what is left.
    return this.#shown.get(EPOCH_KEY) === this.#epoch ? this.#reached : undefined;
  }

  read(key: string): Uint8Array | undefined {
    return this.#shown.get(key)?.value;
  }

  *keys(): Generator<string> {
    for (const key of this.#shown.keys()) if (isOfAddresses(key)) yield key;
  }

  since({ storeId, revision }: Position): ReadonlySet<string> | undefined {
    if (storeId !== this.#reached?.storeId || revision < this.#completeFrom) return undefined;
    let [low, high] = [0, this.#changedAt.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changedAt[middle] ?? revision) <= revision) low = middle + 1;
      else high = middle;
    }
    return new Set(this.#changed.slice(low));
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
      this.#changed = [];
      this.#changedAt = [];
      this.#completeFrom = position.revision;
    }
    for (const event of events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (anew || !isOfAddresses(key)) continue;
      this.#changed.push(key);
      this.#changedAt.push(position.revision);
    }
    if (this.#changed.length > CHANGES_MAX) {
      const dropped = this.#changed.length - CHANGES_MAX / 2;
      this.#completeFrom = this.#changedAt[dropped - 1] ?? this.#completeFrom;
      this.#changed = this.#changed.slice(dropped);
      this.#changedAt = this.#changedAt.slice(dropped);
    }
    // An entry from beyond what is reached does no harm, nor does one that is gone: whoever is told so is told of the change later.
    if (more) return;
    this.#shown = this.#content();
    this.#epoch = this.#shown.get(EPOCH_KEY);
    this.#reached = position;
    for (const listener of this.#listeners) listener();
  }
}

const isOfAddresses = (key: string): boolean => key.startsWith(ADDRESSES_PREFIX) || key.startsWith(NODES_PREFIX);

// The entries of a mirror as others see them: one object for good, whose content a complete list replaces in one moment, however
// long it is.

import type { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { KeyValue } from './port.ts';

type Content = KeyedTable<KeyValue>;

export class Entries implements ReadonlyMap<string, KeyValue> {
  #content: Content;

  constructor(content: Content) {
    this.#content = content;
  }

  /** Until it is replaced. */
  get content(): ReadonlyMap<string, KeyValue> {
    return this.#content;
  }

  get size(): number {
    return this.#content.size;
  }

  replace(content: Content): void {
    this.#content = content;
  }

  put(kv: KeyValue): void {
    this.#content.put(kv);
  }

  delete(key: string): void {
    this.#content.delete(key);
  }

  get(key: string): KeyValue | undefined {
    return this.#content.get(key);
  }

  has(key: string): boolean {
    return this.#content.has(key);
  }

  forEach(visit: (kv: KeyValue, key: string, map: ReadonlyMap<string, KeyValue>) => void): void {
    for (const [key, kv] of this.#content) visit(kv, key, this);
  }

  entries(): MapIterator<[string, KeyValue]> {
    return this.#content.entries();
  }

  keys(): MapIterator<string> {
    return this.#content.keys();
  }

  values(): MapIterator<KeyValue> {
    return this.#content.values();
  }

  [Symbol.iterator](): MapIterator<[string, KeyValue]> {
    return this.#content.entries();
  }
}

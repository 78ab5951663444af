// From addresses to whatever is kept of each: a Map for canonical texts that holds no text of an IPv4 address, but its number, at
// less than half of what an entry of a Map takes. A mesh has as many of them as it has endpoints, and mostly IPv4.

import { parseV4Number } from '../model/address.ts';
import { hashOf, NumberTable } from './number-table.ts';

/** So many tables, of which one at a time grows: half a million addresses are not moved in one turn. A power of two. */
const TABLES = 64;

/** `undefined` is not kept. */
export class AddressTable<V> {
  readonly #v4 = Array.from({ length: TABLES }, () => new NumberTable<V>());
  /** IPv6 addresses, and prefixes. */
  readonly #others = new Map<string, V>();

  get(address: string): V | undefined {
    const number = parseV4Number(address);
    return typeof number === 'string' ? this.#others.get(address) : this.#tableOf(number | 0)?.get(number | 0);
  }

  has(address: string): boolean {
    return this.get(address) !== undefined;
  }

  set(address: string, value: V): void {
    const number = parseV4Number(address);
    if (typeof number === 'string') this.#others.set(address, value);
    else this.#tableOf(number | 0)?.set(number | 0, value);
  }

  delete(address: string): void {
    const number = parseV4Number(address);
    if (typeof number === 'string') this.#others.delete(address);
    else this.#tableOf(number | 0)?.delete(number | 0);
  }

  /** By bits of the hash that do not decide the place within the table. */
  #tableOf(number: number): NumberTable<V> | undefined {
    return this.#v4[hashOf(number) & (TABLES - 1)];
  }
}

// Values by the text of a prefix. Nearly all prefixes of a mesh are single IPv4 addresses that lie close together: those are kept by number,
// which takes a fifth of what a Map takes, keeps no text, and never has to be moved as a whole when there are more of them.

import { Paged } from '../desired/paged.ts';

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;
const SINGLE = '/32';

export class ByPrefix<T extends NonNullable<unknown>> {
  readonly #singles = new Paged<T>();
  readonly #others = new Map<string, T>();

  get size(): number {
    return this.#singles.size + this.#others.size;
  }

  get(prefix: string): T | undefined {
    const number = numberOf(prefix);
    return number === undefined ? this.#others.get(prefix) : this.#singles.get(number);
  }

  /** The same of a single IPv4 address by its number. */
  getSingle(number: number): T | undefined {
    return this.#singles.get(number);
  }

  set(prefix: string, value: T): void {
    const number = numberOf(prefix);
    if (number === undefined) this.#others.set(prefix, value);
    else this.#singles.set(number, value);
  }

  setSingle(number: number, value: T): void {
    this.#singles.set(number, value);
  }

  delete(prefix: string): void {
    const number = numberOf(prefix);
    if (number === undefined) this.#others.delete(prefix);
    else this.#singles.delete(number);
  }

  /** What comes and goes while somebody walks along may be left out. */
  *keys(): Iterable<string> {
    for (const [number] of this.#singles) yield textOf(number);
    yield* this.#others.keys();
  }
}

/** Of a prefix that is written as this program writes it; undefined where it is not a single IPv4 address. */
function numberOf(prefix: string): number | undefined {
  if (!prefix.endsWith(SINGLE)) return undefined;
  let number = 0;
  let octet = 0;
  for (let at = 0; at < prefix.length - SINGLE.length; at += 1) {
    const code = prefix.charCodeAt(at);
    if (code === COLON) return undefined;
    if (code === DOT) {
      number = number * 256 + octet;
      octet = 0;
    } else octet = octet * 10 + code - ZERO;
  }
  return number * 256 + octet;
}

const textOf = (number: number): string =>
  `${number >>> 24}.${(number >>> 16) & 0xff}.${(number >>> 8) & 0xff}.${number & 0xff}${SINGLE}`;

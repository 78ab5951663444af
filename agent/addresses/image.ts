// What an ipcache holds, as far as this program knows: read from a dump, then followed row by row.

import { parseAddressKey, singleAddress } from '../maps/address-row.ts';
import type { AddressMap } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { ByPrefix } from './by-prefix.ts';

/** Distinct values that are remembered; when there are more, they recur too little to be worth it, and it starts afresh. */
const REMEMBERED_MAX = 10_000;

export class AddressImage {
  /** Keys that nobody of ours wrote. */
  strays: readonly Uint8Array[] = [];
  /** As text of one character a byte, by the prefix. Pods of one node and one identity have the same, which is kept once. */
  readonly #values = new ByPrefix<string>();
  readonly #remembered = new Map<string, string>();

  get size(): number {
    return this.#values.size;
  }

  get(prefix: string): string | undefined {
    return this.#values.get(prefix);
  }

  set(prefix: string, value: Uint8Array): void {
    this.#values.set(prefix, this.#kept(value));
  }

  delete(prefix: string): void {
    this.#values.delete(prefix);
  }

  prefixes(): Iterable<string> {
    return this.#values.keys();
  }

  /** What there is under the key of a row; undefined also for one that is nobody's. */
  atKey(key: Uint8Array): string | undefined {
    const single = singleAddress(key);
    if (single !== undefined) return this.#values.getSingle(single);
    const prefix = parseAddressKey(key);
    return prefix && this.#values.get(prefix.text);
  }

  /** A row that was read; false for one that is nobody's. */
  takeRow(key: Uint8Array, value: Uint8Array): boolean {
    const single = singleAddress(key);
    if (single !== undefined) {
      this.#values.setSingle(single, this.#kept(value));
      return true;
    }
    const prefix = parseAddressKey(key);
    if (prefix !== undefined) this.set(prefix.text, value);
    return prefix !== undefined;
  }

  #kept(value: Uint8Array): string {
    const text = textOf(value);
    const known = this.#remembered.get(text);
    if (known !== undefined) return known;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    this.#remembered.set(text, text);
    return text;
  }
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

export function isValue(text: string | undefined, bytes: Uint8Array): boolean {
  if (text?.length !== bytes.length) return false;
  for (let at = 0; at < bytes.length; at += 1) if (text.charCodeAt(at) !== bytes[at]) return false;
  return true;
}

export async function readImage(map: AddressMap, pause: Pause): Promise<AddressImage> {
  const image = new AddressImage();
  const strays: Uint8Array[] = [];
  for await (const rows of map.chunks()) {
    await visitAll(rows, pause, ({ key, value }) => {
      if (!image.takeRow(key, value)) strays.push(key);
    });
  }
  image.strays = strays;
  return image;
}

/** How many rows of the map are not as believed, or missing. Keeps nothing of what it reads, and makes no text of it. */
export async function countDiffering(map: AddressMap, believed: AddressImage, pause: Pause): Promise<number> {
  let [known, others] = [0, 0];
  for await (const rows of map.chunks()) {
    await visitAll(rows, pause, ({ key, value }) => {
      const there = believed.atKey(key);
      if (there !== undefined) known += 1;
      if (!isValue(there, value)) others += 1;
    });
  }
  return others + believed.size - known;
}

// What an ipcache holds, as far as this program knows: read from a dump, then followed row by row.

import { parseAddressKey } from '../maps/address-row.ts';
import type { AddressMap } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';

export interface AddressImage {
  /** Values as text of one character a byte, by the text of the prefix. */
  readonly values: Map<string, string>;
  /** Keys that nobody of ours wrote. */
  strays: readonly Uint8Array[];
}

export const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

export async function readImage(map: AddressMap, pause: Pause): Promise<AddressImage> {
  const values = new Map<string, string>();
  const strays: Uint8Array[] = [];
  for await (const rows of map.chunks()) {
    await visitAll(rows, pause, ({ key, value }) => {
      const prefix = parseAddressKey(key);
      if (prefix === undefined) strays.push(key);
      else values.set(prefix.text, textOf(value));
    });
  }
  return { values, strays };
}

/** How many rows of the map are not as believed, or missing. Keeps nothing of what it reads. */
export async function countDiffering(map: AddressMap, believed: AddressImage, pause: Pause): Promise<number> {
  let [known, others] = [0, 0];
  for await (const rows of map.chunks()) {
    await visitAll(rows, pause, ({ key, value }) => {
      const prefix = parseAddressKey(key);
      const there = prefix && believed.values.get(prefix.text);
      if (there !== undefined) known += 1;
      if (there !== textOf(value)) others += 1;
    });
  }
  return others + believed.values.size - known;
}

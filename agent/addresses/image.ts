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
    await pause();
    for (const { key, value } of rows) {
      const prefix = parseAddressKey(key);
      if (prefix === undefined) strays.push(key);
      else values.set(prefix.text, textOf(value));
    }
  }
  return { values, strays };
}

/** How many prefixes are in one of the two only, or say different things. */
export async function countDiffering(a: AddressImage, b: AddressImage, pause: Pause): Promise<number> {
  let differing = 0;
  await visitAll(a.values, pause, ([prefix, value]) => {
    differing += Number(b.values.get(prefix) !== value);
  });
  await visitAll(b.values.keys(), pause, (prefix) => {
    differing += Number(!a.values.has(prefix));
  });
  return differing;
}

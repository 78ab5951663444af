// Texts of files that many look at again and again: a file is read only when its looks (device, inode, size, times) are not those with
// which it was read. Times are coarse: a file that was touched just before it was read may change once more without looking
// different, so that its text is not kept and it is read anew until it has been left alone for a while.

import type { BigIntStats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';

export interface TextRead {
  readonly text?: string;
  readonly problem?: string;
}

interface Kept {
  readonly looks: string;
  readonly text: string;
}

/** The coarsest times of any file system in use are two seconds apart. */
const LEFT_ALONE_MS = 2_500;
/** The authorities of 511 peers, each in a file or two, and the pairs of a process. */
const KEPT_MAX = 2_048;

export class TextFiles {
  readonly #readText: (path: string) => Promise<string>;
  /** By path, the one read first at the front. */
  readonly #kept = new Map<string, Kept>();

  constructor(readText: (path: string) => Promise<string> = (path) => readFile(path, 'utf8')) {
    this.#readText = readText;
  }

  /** As it stands when this is called, or later; `now`: milliseconds since the epoch. Never rejects. */
  async read(path: string, now: number): Promise<TextRead> {
    // What cannot be looked at cannot be read either, and reading says why.
    const stats = await stat(path, { bigint: true }).catch(() => undefined);
    const looks = stats && looksOf(stats);
    const kept = this.#kept.get(path);
    if (kept !== undefined && kept.looks === looks) return kept;
    this.#kept.delete(path);
    try {
      const text = await this.#readText(path);
      if (stats !== undefined && looks !== undefined && isLeftAlone(stats, now)) this.#keep(path, { looks, text });
      return { text };
    } catch (error) {
      return { problem: reasonOf(error) };
    }
  }

  /** With the looks from before it was read: what changed since looks different. */
  #keep(path: string, kept: Kept): void {
    this.#kept.set(path, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest);
  }
}

/** For everybody in this process: hundreds of links show the same pair. */
export const sharedTexts = new TextFiles();

const looksOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;

/** A time to come is a clock that goes wrong. */
const isLeftAlone = ({ mtimeMs, ctimeMs }: BigIntStats, now: number): boolean =>
  now - Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs) > LEFT_ALONE_MS;

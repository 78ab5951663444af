// The lines of a file, read piece by piece: a file of any size takes the memory of its longest line. A line beyond the limit is
// told and passed over, never held.

import { createReadStream } from 'node:fs';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Undefined for a line that is too long. */
  readonly text: string | undefined;
}

const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Without empty lines. Rejects with what the file system says. */
export async function* readLines(path: string, lineBytesMax: number): AsyncGenerator<readonly Line[]> {
  let number = 0;
  let begun: Buffer[] = [];
  let begunBytes = 0;
  const end = (last: Buffer): Line => {
    const bytes = begunBytes + last.length;
    const text =
      bytes > lineBytesMax
        ? undefined
        : Buffer.concat([...begun, last])
            .toString('utf8')
            .trim();
    begun = [];
    begunBytes = 0;
    number += 1;
    return { number, text };
  };
  for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES })) {
    const bytes = piece as Buffer;
    const lines: Line[] = [];
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      lines.push(end(bytes.subarray(from, at)));
      from = at + 1;
    }
    begunBytes += bytes.length - from;
    if (begunBytes > lineBytesMax) begun = [];
    else if (from < bytes.length) begun.push(bytes.subarray(from));
    yield lines.filter(({ text }) => text !== '');
  }
  if (begunBytes > 0) yield [end(Buffer.alloc(0))].filter(({ text }) => text !== '');
}

// What standard output is: how wide, and whether it shows colours. A file or a pipe is wrapped at a fixed width and has none.

import { type Colours, coloursFor } from '../runtime/colours.ts';

/** What a file is wrapped at: fits on a page, and in a review. */
const WIDTH_WITHOUT_TERMINAL = 120;
/** Below this, text in a column of its own is no text any more. */
const WIDTH_MIN = 60;

export const outputWidth = (): number => Math.max(WIDTH_MIN, process.stdout.columns ?? WIDTH_WITHOUT_TERMINAL);

export const outputColours = (): Colours => coloursFor(process.stdout, process.env);

/** The text in lines of at most `width`, broken between words; the lines after the first begin with `indent` spaces. */
export function wrap(text: string, width: number, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    const room = width - indent;
    if (line !== '' && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

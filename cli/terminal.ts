// What standard output is: how wide, whether it shows colours, and whether anybody reads it. A file or a pipe is wrapped at a fixed width and has none.

import type { EventEmitter } from 'node:events';
import { type Colours, coloursFor } from '../runtime/colours.ts';

/** What a file is wrapped at: fits on a page, and in a review. */
const WIDTH_WITHOUT_TERMINAL = 120;
/** Below this, text in a column of its own is no text any more. */
const WIDTH_MIN = 60;

/**
 * Calls `end` when whoever reads what is printed has seen enough (`| head -1`): nobody is left to be told anything, and that is no
 * fault. Another error, a full disk for one, is thrown: what was asked for is not there.
 */
export function whenUnread(output: EventEmitter, end: () => void): void {
  output.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end();
  });
}

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

// What a person sees while the demo runs: results on standard output, what is going on on standard error. On a terminal the
// latter is one line that is written over; elsewhere it is a line each time.

import { coloursFor } from '../runtime/colours.ts';
import type { StepReport } from './step.ts';
import { milliseconds } from './words.ts';

const INDENT = '      ';
/** Some terminals say that they have none. */
const COLUMNS_MIN = 40;

export interface ScreenOptions {
  /** Results are printed as a document later, not here. */
  readonly quiet: boolean;
  readonly stepsTotal: number;
}

export class Screen {
  readonly #options: ScreenOptions;
  readonly #color = coloursFor(process.stdout, process.env);
  readonly #terminal = process.stderr.isTTY === true;
  #steps = 0;
  #lineStands = false;
  #lastProgress = '';

  constructor(options: ScreenOptions) {
    this.#options = options;
  }

  /** What is being done now; long steps never stand still without saying why. */
  progress(what: string): void {
    if (!this.#terminal) {
      if (what === this.#lastProgress) return;
      this.#lastProgress = what;
      process.stderr.write(`${INDENT}… ${what}\n`);
      return;
    }
    // A line that wraps could not be written over.
    const room = Math.max(COLUMNS_MIN, process.stderr.columns ?? 0) - INDENT.length - 3;
    process.stderr.write(`\r\x1b[K${INDENT}… ${what.slice(0, room)}`);
    this.#lineStands = true;
  }

  stepBegins(title: string): void {
    this.#steps += 1;
    this.#print(this.#color.bold(`${this.#steps}/${this.#options.stepsTotal}  ${title}`));
  }

  stepEnds({ ok, lines, problems, durationMs }: StepReport): void {
    for (const line of lines) this.#print(`${INDENT}${line}`);
    const verdict = ok ? this.#color.green('ok') : this.#color.red('FAILED');
    this.#print(`${INDENT}${verdict} ${this.#color.dim(`(${milliseconds(durationMs)})`)}`);
    for (const problem of problems) this.#print(`${INDENT}${this.#color.red(problem)}`);
    this.#print('');
  }

  /** Lines of text that are no step's. */
  say(...lines: readonly string[]): void {
    for (const line of lines) this.#print(line);
  }

  /** What a person must see whatever the output is. */
  warn(...lines: readonly string[]): void {
    this.#clear();
    for (const line of lines) process.stderr.write(`${line}\n`);
  }

  /** Beside the results: on standard error where these are a document. */
  note(...lines: readonly string[]): void {
    if (this.#options.quiet) this.warn(...lines);
    else this.say(...lines);
  }

  document(value: unknown): void {
    this.#clear();
    process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
  }

  #print(line: string): void {
    this.#clear();
    if (!this.#options.quiet) process.stdout.write(`${line}\n`);
  }

  #clear(): void {
    if (this.#lineStands) process.stderr.write('\r\x1b[K');
    this.#lineStands = false;
  }
}

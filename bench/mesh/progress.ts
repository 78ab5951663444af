// Tells a person or a log how far a run is, on standard error. Steps stay; what passes takes the place of what passed before it on a
// terminal, and elsewhere is told only now and then.

export interface Progress {
  /** Something begins, or was found. */
  step(what: string): void;
  /** How far that is. */
  passing(what: string): void;
}

export const SILENT: Progress = { step: () => {}, passing: () => {} };

/** A log of ten minutes stays short enough to be read. */
const TOLD_EVERY_MS = 15_000;
const FIRST_COLUMNS = 80;

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export function progressOn(output: ProgressOutput, now: () => number = () => performance.now()): Progress {
  const begun = now();
  let toldAt = begun;
  const line = (what: string) => `${((now() - begun) / 1_000).toFixed(1).padStart(7)} s  ${what}`;
  const clear = output.isTTY === true ? '\r\x1b[K' : '';
  return {
    step(what) {
      toldAt = now();
      output.write(`${clear}${line(what)}\n`);
    },
    passing(what) {
      if (output.isTTY === true) {
        // A line that wraps could not be taken back.
        output.write(`${clear}${line(what).slice(0, (output.columns ?? FIRST_COLUMNS) - 1)}`);
      } else if (now() - toldAt >= TOLD_EVERY_MS) {
        toldAt = now();
        output.write(`${line(what)}\n`);
      }
    },
  };
}

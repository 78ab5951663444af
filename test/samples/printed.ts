// What commands print while the tests of a file run: kept instead of shown, and the exit code that they leave is taken back.

import { afterEach, beforeEach, vi } from 'vitest';

export interface Printed {
  /** Everything since the last time. */
  take(): string;
}

/** To be called once at the top of a test file. `errors`: what goes to standard error is kept with the rest, else it is dropped. */
export function keepPrinted({ errors = false } = {}): Printed {
  let text = '';
  const keep = (more: unknown) => {
    text += String(more);
    return true;
  };
  beforeEach(() => {
    text = '';
    vi.spyOn(process.stdout, 'write').mockImplementation(keep);
    vi.spyOn(process.stderr, 'write').mockImplementation(errors ? keep : () => true);
  });
  afterEach(() => {
    vi.restoreAllMocks();
    process.exitCode = undefined;
  });
  return {
    take() {
      const taken = text;
      text = '';
      return taken;
    },
  };
}

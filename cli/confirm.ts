// Asks whoever sits at the terminal for a yes. Nobody does where standard input is no terminal, and nobody's answer is no.

import { createInterface } from 'node:readline/promises';

export async function confirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}

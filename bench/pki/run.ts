// One run: makes the sample, measures every operation, and takes everything away again.

import { handshakeOperations } from './handshake.ts';
import { issueOperation } from './issue.ts';
import { makeSample, openssl } from './sample.ts';
import { verifyOperation } from './verify.ts';
import { type Measured, measure } from './way.ts';

export interface PkiSize {
  readonly rounds: number;
  /** Operations in a round. */
  readonly issued: number;
  readonly verified: number;
  readonly handshakes: number;
  readonly commands: number;
  readonly commandSeconds: number;
}

export const FULL: PkiSize = {
  rounds: 7,
  issued: 300,
  verified: 400,
  handshakes: 200,
  commands: 10,
  commandSeconds: 1,
};

/** Says whether everything works and stays in its order of magnitude, in seconds. */
export const SHORT: PkiSize = { rounds: 3, issued: 60, verified: 100, handshakes: 40, commands: 2, commandSeconds: 1 };

/** Distinct leaves: more than any cache of the libraries would be worth. */
const LEAVES = 50;

export async function runPki(
  size: PkiSize,
): Promise<{ readonly measured: readonly Measured[]; readonly version: string }> {
  const sample = await makeSample(LEAVES);
  try {
    const operations = [
      issueOperation(sample, size),
      verifyOperation(sample, size.verified),
      ...(await handshakeOperations(sample, size)),
    ];
    try {
      const measured: Measured[] = [];
      for (const operation of operations) measured.push(...(await measure(operation, size.rounds)));
      return { measured, version: (await openssl('version')).replace(/ \(.*/s, '').trim() };
    } finally {
      for (const { close } of operations) await close();
    }
  } finally {
    await sample.remove();
  }
}

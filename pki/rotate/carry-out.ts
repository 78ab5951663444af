// Carries out the steps of a phase, in order. A file that cannot be written ends it there, and running the phase again goes on; a leaf
// that cannot be issued keeps the pair that it has, and the others are issued all the same.

import { createPrivate, movePrivate, removeFile, writePublic } from '../files.ts';
import { withFolderLock } from '../folder-lock.ts';
import type { RenewableLeaves, RenewalFailure } from '../renew/leaf-folder.ts';
import type { RotationStep } from './steps.ts';

/** What changes files: a parameter, so that a test can end it anywhere. */
export interface RotationFiles {
  createPrivate(path: string, text: string): Promise<void>;
  writePublic(path: string, text: string): Promise<void>;
  move(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** Each step by itself under the folder's lock, as a leaf is issued under it: a renewal never meets half of one. */
export function rotationFiles(dir: string): RotationFiles {
  const locked =
    <A extends readonly unknown[]>(act: (...args: A) => Promise<void>) =>
    (...args: A) =>
      withFolderLock(dir, () => act(...args));
  return {
    createPrivate: locked(createPrivate),
    writePublic: locked(writePublic),
    move: locked(movePrivate),
    remove: locked(removeFile),
  };
}

export interface CarryOutDeps {
  readonly files: RotationFiles;
  readonly leaves: Pick<RenewableLeaves, 'renew'>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface StepOutcome {
  readonly step: RotationStep;
  /** Of a leaf alone: whatever else fails is thrown. */
  readonly failure?: RenewalFailure;
}

export async function carryOut(
  steps: readonly RotationStep[],
  { files, leaves, now }: CarryOutDeps,
): Promise<readonly StepOutcome[]> {
  const outcomes: StepOutcome[] = [];
  for (const step of steps) {
    switch (step.do) {
      case 'create':
        await files.createPrivate(step.path, step.text);
        break;
      case 'publish':
        await files.writePublic(step.path, step.text);
        break;
      case 'move':
        await files.move(step.from, step.path);
        break;
      case 'remove':
        await files.remove(step.path);
        break;
      case 'reissue': {
        const renewed = await leaves.renew(step.leaf, now);
        if (!renewed.ok) {
          outcomes.push({ step, failure: renewed.error });
          continue;
        }
        break;
      }
      default:
        step satisfies never;
    }
    outcomes.push({ step });
  }
  return outcomes;
}

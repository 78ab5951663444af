// One agent at a time at the pins of a node. A second one would put its programs in the place of the first one's: these go on with
// the same maps, so that nothing is seen of it, but they tell events of calls to the second alone, and both write rows.

import { closeSync, openSync } from 'node:fs';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { lockAlone } from '../../runtime/file-lock.ts';
import { preparePinDir } from './pins.ts';

/** An agent that was told to end has let go by then; one that has not is not ending. */
const WAIT_MS_MAX = 5_000;
const LOOK_AGAIN_MS = 50;

/** Makes the folder, and holds it until the process ends or `release` is called. Rejects with DATAPATH_PIN_TAKEN. */
export async function holdPins(pinDir: string, clock: Clock, waitMs = WAIT_MS_MAX): Promise<{ release(): void }> {
  preparePinDir(pinDir);
  const descriptor = openSync(pinDir, 'r');
  const deadline = clock.monotonic() + waitMs;
  while (!lockAlone(descriptor)) {
    if (clock.monotonic() >= deadline) {
      closeSync(descriptor);
      throw taken(pinDir);
    }
    await sleep(clock, LOOK_AGAIN_MS);
  }
  return { release: () => closeSync(descriptor) };
}

const taken = (pinDir: string): OperationalError =>
  new OperationalError({
    code: 'DATAPATH_PIN_TAKEN',
    operation: 'hold pins',
    subject: pinDir,
    reason: 'an agent that runs has them',
    hint: `stop it first (fuser -v ${pinDir} shows it): there is one agent per datapath.pinDir`,
    retryable: true,
  });

// How full the maps are that the programs write. Counting reads every row, so that it is done only when somebody asks, and not
// again within a minute.

import type { Clock } from '../../runtime/clock.ts';
import type { ProgramMapUse, ServiceMaps } from '../maps/port.ts';

/** A full map of 262,144 rows takes some 80 ms to count, in slices of less than one. */
const FRESH_MS = 60_000;

/** One count at a time; a failed one is asked for again. */
export function createProgramMapUse(
  maps: Pick<ServiceMaps, 'countProgramRows'>,
  clock: Clock,
): () => Promise<readonly ProgramMapUse[]> {
  let known: { readonly at: number; readonly uses: Promise<readonly ProgramMapUse[]> } | undefined;
  return () => {
    const now = clock.monotonic();
    if (known === undefined || now - known.at >= FRESH_MS) {
      const uses = maps.countProgramRows();
      uses.catch(() => {
        known = undefined;
      });
      known = { at: now, uses };
    }
    return known.uses;
  };
}

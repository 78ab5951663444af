// Changes of the played clusters' records at steady rates, one generator of random numbers for each kind, so that the same seed and
// rates give the same changes of a kind whatever the others do. When, not how: what a change is, the player knows.

import { type Random, seededRandom } from '../../runtime/random.ts';
import { CHURN_KINDS, type ChurnKind, type ChurnRates } from './churn-rates.ts';

/** Short against the delays that are measured. */
const TICK_MS = 5;

export type MadeChanges = Record<ChurnKind, number>;

/** Until it is stopped, which says how many changes were made. */
export function playChurn(
  rates: ChurnRates,
  seed: number,
  change: (kind: ChurnKind, random: Random) => void,
): () => MadeChanges {
  const begun = performance.now();
  const made: MadeChanges = { endpoints: 0, nodes: 0, identities: 0, services: 0 };
  const kinds = CHURN_KINDS.map((kind, index) => ({ kind, random: seededRandom(seed * CHURN_KINDS.length + index) }));
  const timer = setInterval(() => {
    const seconds = (performance.now() - begun) / 1_000;
    for (const { kind, random } of kinds) {
      for (const due = Math.floor(seconds * rates[kind]); made[kind] < due; made[kind] += 1) change(kind, random);
    }
  }, TICK_MS);
  return () => {
    clearInterval(timer);
    return made;
  };
}

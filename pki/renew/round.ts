// One round over the leaves of a place: what is to be renewed is renewed, and of each leaf it is said what became of it.

import type { RenewableLeaves, RenewalFailure } from './leaf-folder.ts';
import type { StandingLeaf } from './standing.ts';

export interface RoundRequest {
  readonly leaves: RenewableLeaves;
  readonly now: number;
  /** Whether a leaf is to be issued anew now. */
  readonly due: (leaf: StandingLeaf) => boolean;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** Ends the round between two leaves. */
  readonly signal?: AbortSignal;
}

export type LeafAction = 'kept' | 'renewed' | 'would renew' | 'failed';

export interface RoundEntry {
  /** As it stands now. */
  readonly leaf: StandingLeaf;
  readonly action: LeafAction;
  readonly failure?: RenewalFailure;
}

export async function renewalRound(request: RoundRequest): Promise<readonly RoundEntry[]> {
  const { leaves, now, due, dryRun, signal } = request;
  const entries: RoundEntry[] = [];
  for (const leaf of await leaves.standing()) {
    if (signal?.aborted === true) break;
    if (!due(leaf)) entries.push({ leaf, action: 'kept' });
    else if (dryRun) entries.push({ leaf, action: 'would renew' });
    else {
      const renewed = await leaves.renew(leaf, now);
      entries.push(
        renewed.ok
          ? { leaf: { place: leaf.place, certificate: renewed.value, flaw: undefined }, action: 'renewed' }
          : { leaf, action: 'failed', failure: renewed.error },
      );
    }
  }
  return entries;
}

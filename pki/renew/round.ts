// One round over the leaves of a place: what is to be renewed is renewed, and of each leaf it is said what became of it.

import type { RenewableLeaves, RenewalFailure } from './leaf-folder.ts';
import { leafState, type StandingLeaf } from './standing.ts';

export interface RoundRequest {
  readonly leaves: RenewableLeaves;
  readonly now: number;
  /** Also those that are not due yet. */
  readonly all: boolean;
  /** Only say what would be done. */
  readonly dryRun: boolean;
}

export type LeafAction = 'kept' | 'renewed' | 'would renew' | 'failed';

export interface RoundEntry {
  /** As it stands now. */
  readonly leaf: StandingLeaf;
  readonly action: LeafAction;
  readonly failure?: RenewalFailure;
}

export async function renewalRound({ leaves, now, all, dryRun }: RoundRequest): Promise<readonly RoundEntry[]> {
  const entries: RoundEntry[] = [];
  for (const leaf of await leaves.standing()) {
    if (!all && leafState(leaf, now) === 'ok') entries.push({ leaf, action: 'kept' });
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

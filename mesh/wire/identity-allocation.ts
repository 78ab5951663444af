// STABLE: `clustermesh/v1/identities/<number>`, plain label text: which label set a number of this cluster was given to. Kept
// without a lease, so that numbers survive restarts. Not visible to peers.

import { parseIdentityNumber } from './identity.ts';

export const IDENTITY_ALLOCATIONS_PREFIX = 'clustermesh/v1/identities/';

export const identityAllocationKey = (identity: number): string => `${IDENTITY_ALLOCATIONS_PREFIX}${identity}`;

export function parseIdentityAllocationKey(key: string): number | undefined {
  return key.startsWith(IDENTITY_ALLOCATIONS_PREFIX)
    ? parseIdentityNumber(key.slice(IDENTITY_ALLOCATIONS_PREFIX.length))
    : undefined;
}

// Whether an etcd still has the history that a mirror followed. A cluster id is not enough: an etcd that was wiped and
// started again with the same flags has the same id, and soon the same revisions. So one known entry, the newest, is read
// again as of the position; etcd's own order of revisions vouches for the rest.

import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { sameEntry } from './differences.ts';
import { isFailure, Meanings } from './failures.ts';
import { singleKey } from './key-range.ts';
import type { MirrorSource } from './mirror-port.ts';
import type { KeyValue } from './port.ts';
import { newestUpTo } from './witnesses.ts';

/**
 * `compacted`: too old to be read, perhaps not too old to be watched. `behind`: the position is not reached yet. `unknown`:
 * nothing is known that could be compared.
 */
export type HistoryVerdict = 'same' | 'other' | 'compacted' | 'behind' | 'unknown';

export async function checkHistory(
  source: Pick<MirrorSource, 'readPage'>,
  entries: Iterable<KeyValue>,
  position: Position,
  signal: AbortSignal,
): Promise<HistoryVerdict> {
  const witness = newestUpTo(entries, position.revision);
  if (witness === undefined) return 'unknown';
  try {
    const request = { range: singleKey(witness.key), revision: position.revision, limit: 1 };
    const page = await source.readPage(request, signal);
    const found = page.entries[0];
    if (page.position.storeId !== position.storeId || found === undefined) return 'other';
    return sameEntry(found, witness) ? 'same' : 'other';
  } catch (error) {
    if (isFailure(error, Meanings.futureRevision)) return 'behind';
    if (isFailure(error, Meanings.compacted)) return 'compacted';
    throw error;
  }
}

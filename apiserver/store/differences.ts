// What must happen to one set of entries to make it another: pure. Entries that came or changed stand first, by revision
// where others were known, entries that went stand last, so that whoever applies the events one by one makes before it breaks.
// It yields where others may have their turn; neither set may change meanwhile.

import type { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { KeyValue, StoreEvent } from './port.ts';

/** Looking at so many entries takes a few milliseconds. */
const LOOKED_PER_TURN = 4_096;

export function* differences(
  known: ReadonlyMap<string, KeyValue>,
  listed: ReadonlyMap<string, KeyValue>,
  revision: number,
): Generator<undefined, readonly StoreEvent[]> {
  const puts: (StoreEvent & { readonly type: 'put' })[] = [];
  let looked = 0;
  for (const [key, kv] of listed) {
    if (++looked % LOOKED_PER_TURN === 0) yield;
    const previous = known.get(key);
    if (previous === undefined) puts.push({ type: 'put', kv });
    else if (!sameEntry(previous, kv)) puts.push({ type: 'put', kv, previous });
  }
  puts.sort((a, b) => byRevision(a.kv, b.kv));
  const events: StoreEvent[] = puts;
  for (const [key, previous] of known) {
    if (++looked % LOOKED_PER_TURN === 0) yield;
    if (!listed.has(key)) events.push({ type: 'delete', key, modRevision: revision, previous });
  }
  return events;
}

export const byRevision = (a: KeyValue, b: KeyValue): number => a.modRevision - b.modRevision;

/** Puts the known objects in the place of those that say the same: others may hold them, and share their bytes. */
export function* keepUnchanged(
  known: ReadonlyMap<string, KeyValue>,
  listed: KeyedTable<KeyValue>,
): Generator<undefined, void> {
  let looked = 0;
  for (const previous of known.values()) {
    if (++looked % LOOKED_PER_TURN === 0) yield;
    const kv = listed.get(previous.key);
    if (kv !== undefined && sameEntry(previous, kv)) listed.put(previous);
  }
}

/** Values are compared too: another etcd, or one restored from a backup, may have used the same revisions differently. */
export function sameEntry(a: KeyValue, b: KeyValue): boolean {
  return (
    a === b ||
    (a.modRevision === b.modRevision &&
      a.createRevision === b.createRevision &&
      a.version === b.version &&
      a.lease === b.lease &&
      Buffer.compare(a.value, b.value) === 0)
  );
}

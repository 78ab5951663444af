// What must happen to one set of entries to make it another: pure. Entries that came or changed stand first, by revision
// where others were known, entries that went stand last, so that whoever applies the events one by one makes before it breaks.

import type { KeyedTable } from '../../mesh/model/keyed-table.ts';
import type { KeyValue, StoreEvent } from './port.ts';

export function differences(
  known: ReadonlyMap<string, KeyValue>,
  listed: ReadonlyMap<string, KeyValue>,
  revision: number,
): readonly StoreEvent[] {
  const puts: (StoreEvent & { readonly type: 'put' })[] = [];
  for (const [key, kv] of listed) {
    const previous = known.get(key);
    if (previous === undefined) puts.push({ type: 'put', kv });
    else if (!sameEntry(previous, kv)) puts.push({ type: 'put', kv, previous });
  }
  // Where nothing was known there is nothing to make before something breaks, and a whole etcd takes long to sort.
  if (known.size > 0) puts.sort((a, b) => byRevision(a.kv, b.kv));
  const events: StoreEvent[] = puts;
  for (const [key, previous] of known) {
    if (!listed.has(key)) events.push({ type: 'delete', key, modRevision: revision, previous });
  }
  return events;
}

export const byRevision = (a: KeyValue, b: KeyValue): number => a.modRevision - b.modRevision;

/** Puts the known objects in the place of those that say the same: others may hold them, and share their bytes. */
export function keepUnchanged(known: ReadonlyMap<string, KeyValue>, listed: KeyedTable<KeyValue>): void {
  for (const previous of known.values()) {
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

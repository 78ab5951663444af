// etcd's data model in memory: every change is a revision, old revisions stay readable until they are compacted. Pure state,
// no time and no network; the memory store adds the behaviour of a server around it.

import { contains, type KeyRange, keyBytes, restAfter } from './key-range.ts';
import type { Condition, KeyValue, StoreEvent, Write } from './port.ts';

/** One key's past: what it was from which revision on; undefined stands for deleted. */
interface Version {
  readonly revision: number;
  readonly kv: KeyValue | undefined;
}

interface Change {
  readonly revision: number;
  readonly events: readonly StoreEvent[];
}

export interface RangeAt {
  readonly entries: readonly KeyValue[];
  readonly rest: KeyRange | undefined;
}

export class MemoryHistory {
  readonly #versions = new Map<string, Version[]>();
  #changes: Change[] = [];
  #sortedKeys: readonly { readonly key: string; readonly bytes: Uint8Array }[] | undefined;
  #revision = 1;
  #compacted = 0;

  get revision(): number {
    return this.#revision;
  }

  get compacted(): number {
    return this.#compacted;
  }

  get(key: string): KeyValue | undefined {
    return this.#versions.get(key)?.at(-1)?.kv;
  }

  holds(condition: Condition): boolean {
    return (this.get(condition.key)?.modRevision ?? 0) === condition.modRevision;
  }

  /** Carries out all writes as one revision; deleting what is not there is no change. */
  commit(writes: readonly Write[]): void {
    const revision = this.#revision + 1;
    const events: StoreEvent[] = [];
    for (const write of writes) {
      const before = this.get(write.key);
      if (write.type === 'delete') {
        if (before === undefined) continue;
        this.#record(write.key, { revision, kv: undefined });
        events.push({ type: 'delete', key: write.key, modRevision: revision });
        continue;
      }
      const kv: KeyValue = {
        key: write.key,
        value: write.shared === true ? write.value : new Uint8Array(write.value),
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
        version: (before?.version ?? 0) + 1,
        lease: write.lease ?? '0',
      };
      this.#record(write.key, { revision, kv });
      events.push({ type: 'put', kv });
    }
    if (events.length === 0) return;
    this.#revision = revision;
    this.#changes.push({ revision, events });
  }

  /** The content of `range` as it was at `revision`, in byte order of the keys. */
  rangeAt(range: KeyRange, revision: number, limit: number): RangeAt {
    const entries: KeyValue[] = [];
    for (const { key, bytes } of this.#keys()) {
      if (!contains(range, bytes)) continue;
      const kv = this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.kv;
      if (kv === undefined) continue;
      const last = entries.at(-1);
      if (last !== undefined && entries.length === limit) {
        return { entries, rest: restAfter(range, keyBytes(last.key)) };
      }
      entries.push(kv);
    }
    return { entries, rest: undefined };
  }

  /** The next change at or behind `revision` that touches `range`, with only the events that do. */
  nextChange(range: KeyRange, revision: number): Change | undefined {
    for (let at = this.#indexOf(revision); at < this.#changes.length; at++) {
      const change = this.#changes[at];
      const events = change?.events.filter((event) =>
        contains(range, keyBytes(event.type === 'put' ? event.kv.key : event.key)),
      );
      if (change !== undefined && events !== undefined && events.length > 0) return { ...change, events };
    }
    return undefined;
  }

  /** Forgets what was before `revision`: it is the oldest that can be read, the one behind it the oldest to watch from. */
  compact(revision: number): void {
    this.#compacted = Math.max(this.#compacted, Math.min(revision, this.#revision));
    this.#changes = this.#changes.slice(this.#indexOf(this.#compacted + 1));
    for (const [key, versions] of this.#versions) {
      const keep = versions.findLastIndex((version) => version.revision <= this.#compacted);
      if (keep > 0) versions.splice(0, keep);
      if (versions.length === 1 && versions[0]?.kv === undefined) {
        this.#versions.delete(key);
        this.#sortedKeys = undefined;
      }
    }
  }

  #record(key: string, version: Version): void {
    const versions = this.#versions.get(key);
    if (versions !== undefined) {
      versions.push(version);
      return;
    }
    this.#versions.set(key, [version]);
    this.#sortedKeys = undefined;
  }

  #keys(): readonly { readonly key: string; readonly bytes: Uint8Array }[] {
    this.#sortedKeys ??= [...this.#versions.keys()]
      .map((key) => ({ key, bytes: keyBytes(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    return this.#sortedKeys;
  }

  /** Index of the first change at or behind `revision`. */
  #indexOf(revision: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#changes[middle]?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

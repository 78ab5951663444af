// The recent snapshots of one etcd, so that an agent that was away for a moment gets the difference and not everything.
// Snapshots share what did not change, so one costs about what its change did. Each entry also knows up to which revision its
// content stayed the newest: another replica may have cut its snapshots at other revisions.

import { PIECE_ITEMS_MAX, piecesOf } from '../../mesh/model/list.ts';
import type { Revision } from '../../mesh/model/names.ts';
import type { SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { Timeline } from '../convergence/timeline.ts';

/** At one snapshot each 5 ms, the fastest that the view publishes, this is the last 5 seconds: the time of a reconnect. */
const SNAPSHOTS_MAX = 1_024;
/** What the kept snapshots may hold beyond the current one; a service of 250 clusters costs 5 KB each time it changes. */
const BYTES_MAX = 32 * 1024 * 1024;
/** The table of a map of services, and one bucket of it per changed service. */
const SNAPSHOT_BYTES = 2_500;
const SERVICE_BYTES = 2_000;
const REFERENCE_BYTES = 8;
/** With the piece of the list that it is in. */
const BACKEND_BYTES = 200 + PIECE_ITEMS_MAX * REFERENCE_BYTES;

interface Entry {
  readonly snapshot: MeshSnapshot;
  readonly bytes: number;
  /** The content was still the newest at this revision. */
  until: Revision;
}

export class SnapshotHistory {
  #entries: Entry[] = [];
  readonly #timeline = new Timeline();
  #bytes = 0;

  /** A new current snapshot; of another etcd, where there is no delta. */
  push(snapshot: MeshSnapshot, delta: SnapshotDelta | undefined, publishedAt: number): void {
    if (delta === undefined) {
      this.#entries = [];
      this.#timeline.clear();
      this.#bytes = 0;
    }
    const bytes = delta === undefined ? 0 : costOf(snapshot, delta);
    this.#entries.push({ snapshot, bytes, until: snapshot.position.revision });
    this.#timeline.push(snapshot.position.revision, publishedAt);
    this.#bytes += bytes;
    while (this.#entries.length > 1 && (this.#entries.length > SNAPSHOTS_MAX || this.#bytes > BYTES_MAX)) {
      this.#bytes -= this.#entries.shift()?.bytes ?? 0;
    }
  }

  /** The newest content has not changed up to this revision. */
  extend(revision: Revision): void {
    const newest = this.#entries.at(-1);
    if (newest !== undefined && revision > newest.until) newest.until = revision;
  }

  get reached(): Position | undefined {
    const newest = this.#entries.at(-1);
    return newest && { storeId: newest.snapshot.position.storeId, revision: newest.until };
  }

  at(position: Position): MeshSnapshot | undefined {
    const entry = this.#entries[this.#indexAt(position)];
    return entry !== undefined && position.revision <= entry.until ? entry.snapshot : undefined;
  }

  outdatedSince(position: Position): number | undefined {
    if (this.#entries[0]?.snapshot.position.storeId !== position.storeId) return undefined;
    return this.#timeline.outdatedSince(position.revision);
  }

  /** Index of the newest entry at or before the position, -1 when there is none. All entries are of one store, in order. */
  #indexAt({ storeId, revision }: Position): number {
    if (this.#entries[0]?.snapshot.position.storeId !== storeId) return -1;
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.#entries[middle]?.snapshot.position.revision ?? revision;
      if (at <= revision) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function costOf(snapshot: MeshSnapshot, delta: SnapshotDelta): number {
  return delta.changed.reduce(
    (bytes, { key, upserted }) => {
      const pieces = piecesOf(snapshot.services.get(key)?.backends ?? []).length;
      return bytes + SERVICE_BYTES + pieces * REFERENCE_BYTES + upserted.length * BACKEND_BYTES;
    },
    SNAPSHOT_BYTES + delta.removed.length * SERVICE_BYTES,
  );
}

// What the view offers to whoever serves agents: the current snapshot, its successors as they come, and the recent ones. The
// snapshots of one feed never go backwards within one etcd.

import type { SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';

/** `delta`: the step from the snapshot before; absent for the first one of an etcd. */
export type FeedListener = (next: MeshSnapshot, delta: SnapshotDelta | undefined) => void;

export interface SnapshotFeed {
  /** Absent before the first complete list. Its position is where its content last changed. */
  readonly current: MeshSnapshot | undefined;
  /** Everything up to here is in `current`: its own position, or later when nothing of it has changed since. */
  readonly reached: Position | undefined;
  /** The snapshot whose content was the newest at that position; absent when that is unknown or no longer kept. */
  at(position: Position): MeshSnapshot | undefined;
  /** Since when, in monotonic milliseconds, the content at that position is outdated; absent when it is current or unknown. */
  outdatedSince(position: Position): number | undefined;
  /** The listener is called for each new snapshot, after `current` has become it. The returned function ends it. */
  subscribe(listener: FeedListener): () => void;
}

// The port through which an agent learns what to program, and reports what it has programmed. The adapter that speaks gRPC
// to the mesh API servers is grpc-upstream.ts. What stands behind this port never goes backwards within one etcd, and is
// kept while no API server can be reached: a lost connection changes `state`, not `current`.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';

export type { AckReport } from '../../mesh/snapshot/ack.ts';

/** The services whose value differs from the snapshot before; `all` when there was none, or when it was replaced whole. */
export type ChangedServices = ReadonlySet<ServiceKey> | 'all';

export type SnapshotListener = (next: MeshSnapshot, changed: ChangedServices) => void;

export interface UpstreamState {
  readonly connected: boolean;
  /** Monotonic milliseconds since when no API server has been heard; absent while connected. */
  readonly staleSince?: number;
  /** Why the last attempt or stream ended; absent while connected. */
  readonly lastError?: string;
  /** The API server spoken to now, or tried last. */
  readonly server?: string;
}

export interface Upstream {
  /** The newest whole snapshot; absent before the first. */
  readonly current: MeshSnapshot | undefined;
  readonly state: UpstreamState;
  /**
   * Calls the listener for every new snapshot, and at once when there is one already. The call is synchronous: store or
   * enqueue, and return. The returned function ends it.
   */
  onSnapshot(listener: SnapshotListener): () => void;
  /** Tells the API server; the newest report is kept and told again to the next server after a reconnect. */
  acknowledge(ack: AckReport): void;
  /** Follows the API servers until the signal aborts; never rejects for a reason that a retry may cure. */
  run(signal: AbortSignal): Promise<void>;
}

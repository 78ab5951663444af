// What a mesh API server tells its agents: every global service as it is to be programmed, at one revision of the
// cluster's etcd. Immutable; unchanged services are shared between successive snapshots.

import type { ClusterId, ClusterName, Revision, ServiceKey } from '../model/names.ts';
import type { MeshService } from '../model/service.ts';

/** Which history, and which of its revisions: revisions of different histories cannot be compared. */
export interface Position {
  /** etcd cluster id, 16 hexadecimal digits; in the position of a snapshot with the epoch behind it (mesh/wire/epoch.ts). */
  readonly storeId: string;
  readonly revision: Revision;
}

export interface MeshSnapshot {
  readonly position: Position;
  readonly cluster: ClusterName;
  /** Names for the cluster ids that stand in the kernel's maps. */
  readonly clusters: ReadonlyMap<ClusterName, ClusterId>;
  readonly services: ReadonlyMap<ServiceKey, MeshService>;
}

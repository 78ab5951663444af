// The revision gate: what becomes of the snapshot that an agent holds when a message is whole. It never goes back within one
// etcd, a different etcd needs a whole snapshot, and a step either fits exactly or is refused.

import type { ServiceKey } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { checkDelta } from '../../mesh/snapshot/consistent.ts';
import { applyDelta, type SnapshotDelta } from '../../mesh/snapshot/delta.ts';
import type { MeshSnapshot } from '../../mesh/snapshot/snapshot.ts';
import type { ChangedServices } from './port.ts';

export interface Received {
  readonly next: MeshSnapshot;
  readonly changed: ChangedServices;
}

export function receiveSnapshot(current: MeshSnapshot | undefined, next: MeshSnapshot): Result<Received, string> {
  const held = current?.position;
  if (held !== undefined && held.storeId === next.position.storeId && next.position.revision < held.revision) {
    return err(`a snapshot at revision ${next.position.revision} would go back from ${held.revision}`);
  }
  return ok({ next, changed: 'all' });
}

export function receiveDelta(current: MeshSnapshot | undefined, delta: SnapshotDelta): Result<Received, string> {
  if (current === undefined) return err('a step without a snapshot to take it from');
  const next = applyDelta(current, delta);
  if (!next.ok) return err(`a step that does not fit: ${next.error}`);
  const [problem] = checkDelta(next.value, delta);
  if (problem !== undefined) return err(`a step to an unsound snapshot: ${problem}`);
  const changed = new Set<ServiceKey>(delta.removed);
  for (const { key } of delta.changed) changed.add(key);
  return ok({ next: next.value, changed });
}

// The step of a service to its next merge (service.ts) where one remote cluster says something else, which is nearly every step: what that
// cluster has is put in its place, and the others, of which there may be hundreds, are not asked. Where that may not be all that
// changes, it takes a whole merge. Both ways lead to the same value.

import type { List } from '../model/list.ts';
import type { Backend, LocalService, MeshService, RemoteService } from '../model/service.ts';
import { type ServiceStep, stepCluster } from '../snapshot/composition.ts';
import type { Parts } from './parts.ts';
import { portSelector } from './service.ts';

export interface RemoteChange {
  /** As it was for the merge before. */
  readonly local: LocalService;
  /** One of those that the merge before was made of. */
  readonly was: RemoteService;
  /** What is in its place. */
  readonly is: RemoteService;
}

/** `before`: what came of the merge before. Undefined where it takes a whole one. */
export function stepRemote(
  before: MeshService,
  { local, was, is }: RemoteChange,
  parts: Parts,
): ServiceStep | undefined {
  const { cluster } = is;
  if (was.cluster !== cluster || was.fresh !== is.fresh || !was.shared || !is.shared) return undefined;
  if (was.key !== local.key || is.key !== local.key) return undefined;
  parts.follow(was.backends, is.backends);
  const select = portSelector(local.ports, parts);
  // With an active one before and after, whoever comes later is asked as little as before.
  const isActive = (backends: List<Backend>) => {
    const part = parts.of(backends);
    return part.active && part.cluster === cluster;
  };
  const backends = select(is.backends);
  if (!isActive(select(was.backends)) || !isActive(backends)) return undefined;
  return stepCluster(before, cluster, backends, parts.compositions);
}

// Whether a namespace takes part in the mesh. Of one that does not, nothing is published: no services, no addresses, no
// identities. A namespace without an object of its own is as the cluster's default says.

import { namespaceIntent } from '../../sources/annotations.ts';
import type { ClusterObjects } from '../../sources/objects.ts';

export function isGlobalNamespace(objects: ClusterObjects, namespace: string, byDefault: boolean): boolean {
  const object = objects.namespaces.get(namespace);
  return (object && namespaceIntent(object.annotations).global) ?? byDefault;
}

// Which services a changed object touches, and which slices a service has. An event names an object and nothing else; what the
// object said before is remembered here, so that a slice which moved to another service, or is gone, touches the old one too.

import { type ServiceKey, serviceKey } from '../../mesh/model/names.ts';
import type { ClusterObjects, EndpointSliceObject, ObjectRef } from './objects.ts';

export class ServiceSlices {
  readonly #objects: ClusterObjects;
  readonly #serviceOf = new Map<string, ServiceKey>();
  readonly #slicesOf = new Map<ServiceKey, Set<string>>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  /** The services to look at again after a change of these objects; each once. */
  touchedBy(refs: Iterable<ObjectRef>): ReadonlySet<ServiceKey> {
    const touched = new Set<ServiceKey>();
    const namespaces = new Set<string>();
    for (const { kind, key } of refs) {
      if (kind === 'Service') touched.add(key as ServiceKey);
      else if (kind === 'EndpointSlice') for (const service of this.#follow(key)) touched.add(service);
      else if (kind === 'Namespace') namespaces.add(key);
    }
    // One look at all services, however many namespaces there are.
    if (namespaces.size === 0) return touched;
    for (const { namespace, name } of this.#objects.services.values()) {
      if (namespaces.has(namespace)) touched.add(serviceKey(namespace, name));
    }
    return touched;
  }

  /** In key order, so that the same slices always give the same service. */
  slicesOf(service: ServiceKey): readonly EndpointSliceObject[] {
    const keys = [...(this.#slicesOf.get(service) ?? [])].sort();
    return keys.flatMap((key) => this.#objects.endpointSlices.get(key) ?? []);
  }

  /** Takes in what the slice says now; gives the services it belonged to before and belongs to now. */
  #follow(slice: string): readonly ServiceKey[] {
    const before = this.#serviceOf.get(slice);
    const now = this.#objects.endpointSlices.get(slice)?.service;
    if (before !== undefined && before !== now) {
      const slices = this.#slicesOf.get(before);
      slices?.delete(slice);
      if (slices?.size === 0) this.#slicesOf.delete(before);
      this.#serviceOf.delete(slice);
    }
    if (now !== undefined) {
      this.#serviceOf.set(slice, now);
      const slices = this.#slicesOf.get(now) ?? new Set();
      this.#slicesOf.set(now, slices.add(slice));
    }
    return [before, now].filter((service) => service !== undefined);
  }
}

// Which services and which of their slices a changed object touches, and which slices a service has. An event names an object and nothing else; what the
// object said before is remembered here, so that a slice which moved to another service, or is gone, touches the old one too.

import { type ServiceKey, serviceKey } from '../../mesh/model/names.ts';
import type { ClusterObjects, EndpointSliceObject, ObjectRef } from './objects.ts';

/** A slice of a service, which it may not be any longer. */
export interface SliceRef {
  readonly service: ServiceKey;
  /** The slice's name. */
  readonly slice: string;
}

export interface Touched {
  /** By their own object, or by that of their namespace; each once. */
  readonly services: ReadonlySet<ServiceKey>;
  readonly slices: readonly SliceRef[];
}

export class ServiceSlices {
  readonly #objects: ClusterObjects;
  readonly #serviceOf = new Map<string, ServiceKey>();
  readonly #slicesOf = new Map<ServiceKey, Set<string>>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  /** What to look at again after a change of these objects. */
  touchedBy(refs: Iterable<ObjectRef>): Touched {
    const services = new Set<ServiceKey>();
    const slices: SliceRef[] = [];
    const namespaces = new Set<string>();
    for (const { kind, key } of refs) {
      if (kind === 'Service') services.add(key as ServiceKey);
      else if (kind === 'EndpointSlice') {
        const slice = key.slice(key.indexOf('/') + 1);
        slices.push(...this.#follow(key).map((service) => ({ service, slice })));
      } else if (kind === 'Namespace') namespaces.add(key);
    }
    // One look at all services, however many namespaces there are.
    if (namespaces.size === 0) return { services, slices };
    for (const { namespace, name } of this.#objects.services.values()) {
      if (namespaces.has(namespace)) services.add(serviceKey(namespace, name));
    }
    return { services, slices };
  }

  /** In key order, so that the same slices always give the same service. */
  slicesOf(service: ServiceKey): readonly EndpointSliceObject[] {
    const keys = [...(this.#slicesOf.get(service) ?? [])].sort();
    return keys.flatMap((key) => this.#objects.endpointSlices.get(key) ?? []);
  }

  /** The slice as it is now; undefined when it is none of the service. */
  sliceOf({ service, slice }: SliceRef): EndpointSliceObject | undefined {
    const object = this.#objects.endpointSlices.get(`${service.slice(0, service.indexOf('/'))}/${slice}`);
    return object?.service === service ? object : undefined;
  }

  /** Takes in what the slice says now; gives the services it belonged to before and belongs to now, each once. */
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
    return [...new Set([before, now])].filter((service) => service !== undefined);
  }
}

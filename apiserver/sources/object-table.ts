// The objects that a source holds, by kind and key, and which of them a change touches. Equal objects count as unchanged.

import { isDeepStrictEqual } from 'node:util';
import type {
  ClusterObject,
  ClusterObjects,
  EndpointSliceObject,
  NamespaceObject,
  NodeObject,
  ObjectKind,
  ObjectRef,
  PodObject,
  ServiceObject,
} from './objects.ts';
import { refOf, refText } from './objects.ts';

export class ObjectTable implements ClusterObjects {
  readonly namespaces = new Map<string, NamespaceObject>();
  readonly services = new Map<string, ServiceObject>();
  readonly endpointSlices = new Map<string, EndpointSliceObject>();
  readonly nodes = new Map<string, NodeObject>();
  readonly pods = new Map<string, PodObject>();

  get size(): number {
    return [...this.#maps()].reduce((sum, [, map]) => sum + map.size, 0);
  }

  /** Makes `next` (by refText) the whole content; gives the refs of what was added, changed or removed. */
  replaceAll(next: ReadonlyMap<string, ClusterObject>): readonly ObjectRef[] {
    const changed: ObjectRef[] = [];
    for (const object of next.values()) {
      const ref = refOf(object);
      const map = this.#mapOf(ref.kind);
      const known = map.get(ref.key);
      if (known === object || isDeepStrictEqual(known, object)) continue;
      map.set(ref.key, object);
      changed.push(ref);
    }
    for (const [kind, map] of this.#maps()) {
      for (const key of map.keys()) {
        if (next.has(refText({ kind, key }))) continue;
        map.delete(key);
        changed.push({ kind, key });
      }
    }
    return changed;
  }

  #mapOf(kind: ObjectKind): Map<string, ClusterObject> {
    for (const [name, map] of this.#maps()) if (name === kind) return map;
    throw new Error(`no objects of kind ${kind}`);
  }

  *#maps(): Iterable<readonly [ObjectKind, Map<string, ClusterObject>]> {
    yield ['Namespace', this.namespaces as Map<string, ClusterObject>];
    yield ['Service', this.services as Map<string, ClusterObject>];
    yield ['EndpointSlice', this.endpointSlices as Map<string, ClusterObject>];
    yield ['Node', this.nodes as Map<string, ClusterObject>];
    yield ['Pod', this.pods as Map<string, ClusterObject>];
  }
}

/** Every object there is: for whoever starts to follow a source. */
export function allRefs(objects: ClusterObjects): readonly ObjectRef[] {
  const refs = (kind: ObjectKind, map: ReadonlyMap<string, unknown>) => [...map.keys()].map((key) => ({ kind, key }));
  return [
    ...refs('Namespace', objects.namespaces),
    ...refs('Service', objects.services),
    ...refs('EndpointSlice', objects.endpointSlices),
    ...refs('Node', objects.nodes),
    ...refs('Pod', objects.pods),
  ];
}

// The services of a snapshot: an immutable map whose successor shares all but the touched buckets. A snapshot then costs
// memory and time in the size of what changed, so that many recent ones can be kept and compared. Its iteration order means
// nothing.

import type { ServiceKey } from '../model/names.ts';
import type { MeshService } from '../model/service.ts';

type Services = ReadonlyMap<ServiceKey, MeshService>;

/** 5,000 services put 20 into a bucket; the table of 256 references is what every snapshot has of its own. A power of two. */
const BUCKETS = 256;
const NO_SERVICES: Services = new Map();

export class ServiceMap implements ReadonlyMap<ServiceKey, MeshService> {
  readonly size: number;
  readonly #buckets: readonly Services[];

  private constructor(buckets: readonly Services[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static readonly empty = new ServiceMap(new Array<Services>(BUCKETS).fill(NO_SERVICES), 0);

  static of(services: Iterable<MeshService>): ServiceMap {
    return ServiceMap.empty.with([...services].map((service) => [service.key, service] as const));
  }

  /** Of a builder: each service in the bucket of its key. */
  static ofBuckets(buckets: readonly Services[], size: number): ServiceMap {
    return new ServiceMap(buckets, size);
  }

  /** The same services, as a map that has cheap successors. */
  static from(services: Services): ServiceMap {
    return services instanceof ServiceMap ? services : ServiceMap.of(services.values());
  }

  /** A successor in which each of the keys has the value given, or is absent where there is none. */
  with(changes: Iterable<readonly [ServiceKey, MeshService | undefined]>): ServiceMap {
    const touched = new Map<number, Map<ServiceKey, MeshService>>();
    let size = this.size;
    for (const [key, service] of changes) {
      const index = bucketOf(key);
      let bucket = touched.get(index);
      if (bucket === undefined) {
        bucket = new Map(this.#buckets[index]);
        touched.set(index, bucket);
      }
      size -= bucket.size;
      if (service === undefined) bucket.delete(key);
      else bucket.set(key, service);
      size += bucket.size;
    }
    if (touched.size === 0) return this;
    return new ServiceMap(
      this.#buckets.map((bucket, index) => touched.get(index) ?? bucket),
      size,
    );
  }

  /** Keys whose value is another object in `other`, or is only in one of the two; unsorted. */
  differingKeys(other: ServiceMap): readonly ServiceKey[] {
    return this.#buckets.flatMap((bucket, index) => {
      const theirs = other.#buckets[index] ?? NO_SERVICES;
      if (bucket === theirs) return [];
      const differing = [...bucket].filter(([key, service]) => theirs.get(key) !== service).map(([key]) => key);
      const onlyTheirs = [...theirs.keys()].filter((key) => !bucket.has(key));
      return [...differing, ...onlyTheirs];
    });
  }

  get(key: ServiceKey): MeshService | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  has(key: ServiceKey): boolean {
    return this.get(key) !== undefined;
  }

  forEach(visit: (service: MeshService, key: ServiceKey, map: Services) => void): void {
    for (const [key, service] of this) visit(service, key, this);
  }

  *entries(): MapIterator<[ServiceKey, MeshService]> {
    for (const bucket of this.#buckets) yield* bucket;
  }

  *keys(): MapIterator<ServiceKey> {
    for (const bucket of this.#buckets) yield* bucket.keys();
  }

  *values(): MapIterator<MeshService> {
    for (const bucket of this.#buckets) yield* bucket.values();
  }

  [Symbol.iterator](): MapIterator<[ServiceKey, MeshService]> {
    return this.entries();
  }
}

/** Collects services that come one after the other, so that there is not one long moment in which all are put in their places. */
export class ServiceMapBuilder {
  readonly #buckets = Array.from({ length: BUCKETS }, () => new Map<ServiceKey, MeshService>());
  #size = 0;

  add(service: MeshService): void {
    const bucket = this.#buckets[bucketOf(service.key)];
    if (bucket === undefined) return;
    this.#size -= bucket.size;
    bucket.set(service.key, service);
    this.#size += bucket.size;
  }

  /** Takes what was added; the builder is not to be used afterwards. */
  build(): ServiceMap {
    return ServiceMap.ofBuckets(this.#buckets, this.#size);
  }
}

/** FNV-1a over the code units. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}

// The way in the other direction: services of the measured cluster, from the manifests that its API server follows to the keys in its
// etcd that peers and agents read. One endpoint of a large service comes and goes.

import type { StoreEvent } from '../../../apiserver/store/port.ts';
import type { ClusterName } from '../../../mesh/model/names.ts';
import { serviceSliceKey } from '../../../mesh/wire/service-slice.ts';
import { openTarget } from '../../propagation/client.ts';
import { type Figures, figuresOf } from '../../propagation/moments.ts';
import { LARGE_KEY, OwnServices, type SliceChange } from '../own-services.ts';
import { remoteBackends } from '../size.ts';
import { type MeshStage, READER } from '../stage.ts';
import { type Cost, costOf, type Quietly } from './cost.ts';

export interface Publish extends Cost {
  /** Of the large service; beside it are some small ones. */
  readonly backends: number;
  readonly slices: number;
  /** From the first manifest of all until the agent has programmed every backend. */
  readonly openMs: number;
  /** From a changed manifest to the slice in the etcd. */
  readonly fileToEtcd: Figures;
  readonly samples: readonly number[];
  /** What is written into the etcd for one change, keys and values: of all keys, and of those in Cilium's schema. */
  readonly writtenBytes: number;
  readonly ciliumBytes: number;
  /** What one value of Cilium's schema has, and a change of it would cost at least. */
  readonly recordBytes: number;
}

const TIMED_CHANGES = 20;
const WITHIN_MS = 60_000;
const PREFIXES = ['cilium/state/services/v1/', 'clustermesh/v1/'];

export async function publish(
  stage: MeshStage,
  backends: number,
  rounds: number,
  quietly: Quietly,
  signal: AbortSignal,
): Promise<Publish> {
  const own = new OwnServices(stage.cluster, READER, backends);
  const seen = await watchOwn(stage);
  try {
    const begun = performance.now();
    own.write();
    const all = remoteBackends(stage.size) + own.backends;
    await stage.until('own services', () => stage.isWhole(all), WITHIN_MS, signal);
    const openMs = performance.now() - begun;
    const samples: number[] = [];
    for (let at = 0; at < TIMED_CHANGES; at += 1) {
      const change = changeAt(own, at);
      const arrived = seen.arrival(change, signal);
      const changedAt = performance.now();
      own.change(change);
      samples.push((await arrived) - changedAt);
    }
    const before = seen.bytes;
    const cost = await quietly(() =>
      costOf(stage, { backends, rounds, change: (at) => own.change(changeAt(own, at)) }, signal),
    );
    const after = seen.bytes;
    own.remove();
    await stage.until('own services are gone', () => stage.isWhole(), WITHIN_MS, signal);
    return {
      ...cost,
      backends,
      slices: own.slices,
      openMs,
      fileToEtcd: figuresOf(samples),
      samples,
      writtenBytes: (after.all - before.all) / cost.changes,
      ciliumBytes: (after.cilium - before.cilium) / cost.changes,
      recordBytes: seen.recordBytes,
    };
  } finally {
    seen.stop();
  }
}

/** Slice after slice has one endpoint more, and loses it again. */
const changeAt = (own: OwnServices, at: number): SliceChange => own.changeOf((at >> 1) % own.slices, at % 2 === 0);

interface Seen {
  /** Of the large service, so far. */
  readonly bytes: { readonly all: number; readonly cilium: number };
  /** Of the largest value in Cilium's schema. */
  readonly recordBytes: number;
  /** When the slice comes as it is after the change. Other keys may come later, and for several changes at once. */
  arrival(change: SliceChange, signal: AbortSignal): Promise<number>;
  stop(): void;
}

/** Follows the keys of the large service in the own etcd. */
async function watchOwn(stage: MeshStage): Promise<Seen> {
  const client = await openTarget(stage.etcd);
  const stop = new AbortController();
  let bytes = { all: 0, cilium: 0 };
  let recordBytes = 0;
  let look = (_key: string, _value: Uint8Array): void => {};
  const take = (event: StoreEvent) => {
    const [key, value] = event.type === 'put' ? [event.kv.key, event.kv.value] : [event.key, NOTHING];
    if (!key.includes(`/${LARGE_KEY}`)) return;
    const isCilium = key.startsWith('cilium/');
    const size = key.length + value.length;
    bytes = { all: bytes.all + size, cilium: bytes.cilium + (isCilium ? size : 0) };
    if (isCilium) recordBytes = Math.max(recordBytes, value.length);
    look(key, value);
  };
  await new Promise<void>((live) => {
    const mirror = client.createMirror({
      prefixes: PREFIXES,
      observer: {
        onBatch: ({ events, relisted }) => {
          if (!relisted) for (const event of events) take(event);
        },
        onState: ({ phase }) => {
          if (phase === 'live') live();
        },
      },
    });
    void mirror.run(stop.signal);
  });
  return {
    get bytes() {
      return bytes;
    },
    get recordBytes() {
      return recordBytes;
    },
    arrival: ({ slice, address, gains }, signal) =>
      new Promise((resolve, reject) => {
        const wanted = serviceSliceKey(READER.name as ClusterName, { service: LARGE_KEY, slice });
        look = (key, value) => {
          if (key === wanted && Buffer.from(value).includes(`"${address}"`) === gains) resolve(performance.now());
        };
        AbortSignal.any([signal, AbortSignal.timeout(WITHIN_MS)]).addEventListener('abort', () =>
          reject(new Error('a change of an own service did not come into the etcd')),
        );
      }),
    stop() {
      stop.abort();
      client.close();
    },
  };
}

const NOTHING = new Uint8Array();

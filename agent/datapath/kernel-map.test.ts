// Batches against a kernel that fails: half-way, at once, or because its rows do not fit a call. What a caller is told has to be what is
// in the map.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MapRow } from '../maps/port.ts';
import { ERRNO } from './failure.ts';
import { KernelMap } from './kernel-map.ts';
import type { Libbpf } from './libbpf.ts';

const KEY = 4;
const VALUE = 8;

/** A hash map as the kernel's: batches stop at the first row that fails, say how far they came, and walk whole buckets. */
class FakeKernel {
  readonly rows = new Map<number, Uint8Array>();
  /** How many more rows may be written or removed before one fails, and how it fails. */
  fault: { left: number; readonly errno: number } | undefined;
  readonly #entries: number;
  readonly #buckets: number;

  constructor({ entries = 10_000, buckets = 4_096 } = {}) {
    this.#entries = entries;
    this.#buckets = buckets;
  }

  get calls(): Libbpf {
    const calls: Pick<Libbpf, 'updateBatch' | 'deleteBatch' | 'lookupBatch'> = {
      updateBatch: (_, keys, values, count) =>
        this.#each(count, (index) => {
          const key = keyAt(keys, index);
          if (!this.rows.has(key) && this.rows.size >= this.#entries) return ERRNO.E2BIG;
          this.rows.set(key, values.slice(index * VALUE, (index + 1) * VALUE));
          return 0;
        }),
      deleteBatch: (_, keys, count) =>
        this.#each(count, (index) => (this.rows.delete(keyAt(keys, index)) ? 0 : ERRNO.ENOENT)),
      lookupBatch: (_, from, to, keys, values, count) => this.#lookup(from, to as Uint8Array, keys, values, count),
    };
    return calls as Libbpf;
  }

  #each(count: Uint32Array, work: (index: number) => number): number {
    for (let index = 0; index < (count[0] ?? 0); index += 1) {
      const errno = this.#failing() ?? work(index);
      if (errno === 0) continue;
      count[0] = index;
      return -errno;
    }
    return 0;
  }

  #failing(): number | undefined {
    if (this.fault === undefined) return undefined;
    this.fault.left -= 1;
    return this.fault.left < 0 ? this.fault.errno : undefined;
  }

  #lookup(from: unknown, to: Uint8Array, keys: Uint8Array, values: Uint8Array, count: Uint32Array): number {
    const cursor = new DataView(to.buffer, to.byteOffset);
    const room = count[0] ?? 0;
    let bucket = from === null ? 0 : cursor.getUint32(0, true);
    let given = 0;
    for (; bucket < this.#buckets; bucket += 1) {
      const rows = [...this.rows].filter(([key]) => key % this.#buckets === bucket);
      if (rows.length > room - given) break;
      for (const [key, value] of rows) {
        new DataView(keys.buffer, keys.byteOffset).setUint32(given * KEY, key, true);
        values.set(value, given * VALUE);
        given += 1;
      }
    }
    cursor.setUint32(0, bucket, true);
    count[0] = given;
    if (bucket === this.#buckets) return -ERRNO.ENOENT;
    return given === 0 ? -ERRNO.ENOSPC : 0;
  }
}

const keyAt = (keys: Uint8Array, index: number): number =>
  new DataView(keys.buffer, keys.byteOffset).getUint32(index * KEY, true);

const row = (key: number, mark = 0): MapRow => {
  const bytes = { key: new Uint8Array(KEY), value: new Uint8Array(VALUE) };
  new DataView(bytes.key.buffer).setUint32(0, key, true);
  bytes.value[0] = mark;
  return bytes;
};
const mapOf = (kernel: FakeKernel) =>
  new KernelMap({
    calls: kernel.calls,
    fd: -1,
    name: 'fake',
    info: { keySize: KEY, valueSize: VALUE, maxEntries: 10_000 },
  });
const keysOf = (rows: readonly MapRow[]) => rows.map(({ key }) => keyAt(key, 0)).sort((a, b) => a - b);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('a batch that stops', () => {
  test('says how many rows from the front are in the map, wherever it stopped', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 5_000 }), async (rows, left) => {
        const kernel = new FakeKernel();
        kernel.fault = { left, errno: ERRNO.EBUSY };
        const outcome = await mapOf(kernel).update(range(rows).map((key) => row(key)));
        const applied = Math.min(rows, left);
        expect(outcome.applied).toBe(applied);
        expect(outcome.failure?.errno).toBe(rows > left ? ERRNO.EBUSY : undefined);
        expect([...kernel.rows.keys()]).toEqual(range(applied));
      }),
      { numRuns: 40 },
    );
  });

  test('removes what is before, whatever of it was absent, and nothing behind', async () => {
    const present = fc.uniqueArray(fc.integer({ min: 0, max: 3_000 }), { maxLength: 2_000 });
    await fc.assert(
      fc.asyncProperty(present, fc.integer({ min: 0, max: 4_000 }), async (there, left) => {
        const kernel = new FakeKernel();
        for (const key of there) kernel.rows.set(key, new Uint8Array(VALUE));
        kernel.fault = { left, errno: ERRNO.EBUSY };
        const outcome = await mapOf(kernel).remove(range(3_000).map((key) => row(key).key));
        expect(outcome.failure?.errno).toBe(left < 3_000 ? ERRNO.EBUSY : undefined);
        expect(outcome.applied).toBe(Math.min(left, 3_000));
        expect([...kernel.rows.keys()].sort((a, b) => a - b)).toEqual(
          there.filter((key) => key >= outcome.applied).sort((a, b) => a - b),
        );
      }),
      { numRuns: 40 },
    );
  });

  test('tells a full map from one that fails', async () => {
    const full = await mapOf(new FakeKernel({ entries: 3 })).update(range(5).map((key) => row(key)));
    expect(full).toMatchObject({ applied: 3, failure: { code: 'MAP_FULL' } });
    const kernel = new FakeKernel();
    kernel.fault = { left: 2, errno: ERRNO.ENOMEM };
    expect(await mapOf(kernel).update(range(5).map((key) => row(key)))).toMatchObject({
      applied: 2,
      failure: { code: 'MAP_FAILED', errno: ERRNO.ENOMEM },
    });
  });

  test('that is refused as a whole has written nothing', async () => {
    const calls = { ...new FakeKernel().calls, updateBatch: () => -ERRNO.EPERM };
    const info = { keySize: KEY, valueSize: VALUE, maxEntries: 10 };
    const map = new KernelMap({ calls, fd: -1, name: 'fake', info });
    expect(await map.update(range(5).map((key) => row(key)))).toMatchObject({
      applied: 0,
      failure: { errno: ERRNO.EPERM },
    });
  });
});

describe('a dump', () => {
  test.each([
    ['a few rows a bucket', 1_024],
    ['buckets of some hundred rows', 16],
    ['buckets that are larger than a call holds', 2],
    ['a single bucket', 1],
  ])('has every row once: %s', async (_, buckets) => {
    const kernel = new FakeKernel({ buckets });
    const map = mapOf(kernel);
    await map.update(range(5_000).map((key) => row(key, key % 7)));
    expect(keysOf(await map.dump())).toEqual(range(5_000));
    expect(await map.count()).toBe(5_000);
    // What was made larger for the dump takes batches as before.
    expect(await map.remove(range(5_000).map((key) => row(key).key))).toEqual({ applied: 5_000 });
    expect(kernel.rows.size).toBe(0);
  });
});

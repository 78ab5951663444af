// Stands in for the kernel's batches where a kind of map has none: tries got theirs with 5.13. Row by row, with the same outcome:
// how many rows were done, and the errno of the one that was not.

import type { Libbpf } from './libbpf.ts';

type BatchCalls = Pick<Libbpf, 'updateBatch' | 'deleteBatch' | 'lookupBatch'>;

/** What the kernel answers to a batch for a map without: ENOTSUPP, which is not among the errnos of libc. */
const NO_BATCHES = -524;

/** The same calls, with batches that are always there. `keySize` and `valueSize` are the map's. */
export function withBatches(calls: Libbpf, keySize: number, valueSize: number): Libbpf {
  const single = singleCalls(calls, keySize, valueSize);
  const either =
    <Args extends readonly unknown[]>(batch: (...args: Args) => number, rowByRow: (...args: Args) => number) =>
    (...args: Args): number => {
      const status = batch(...args);
      return status === NO_BATCHES ? rowByRow(...args) : status;
    };
  return {
    ...calls,
    updateBatch: either(calls.updateBatch, single.updateBatch),
    deleteBatch: either(calls.deleteBatch, single.deleteBatch),
    lookupBatch: either(calls.lookupBatch, single.lookupBatch),
  };
}

function singleCalls(calls: Libbpf, keySize: number, valueSize: number): BatchCalls {
  const part = (bytes: Uint8Array, size: number, index: number) => bytes.subarray(index * size, (index + 1) * size);
  /** Until one fails; the count then is how many were done. */
  const each = (count: Uint32Array, work: (index: number) => number): number => {
    const asked = count[0] ?? 0;
    for (let index = 0; index < asked; index += 1) {
      const status = work(index);
      if (status === 0) continue;
      count[0] = index;
      return status;
    }
    return 0;
  };
  return {
    updateBatch: (fd, keys, values, count) =>
      each(count, (index) => calls.update(fd, part(keys, keySize, index), part(values, valueSize, index), 0)),
    deleteBatch: (fd, keys, count) => each(count, (index) => calls.remove(fd, part(keys, keySize, index))),
    // The cursor is the last key that was given. A row that goes meanwhile is left out.
    lookupBatch: (fd, from, to, keys, values, count) => {
      const asked = count[0] ?? 0;
      let last = from === null ? null : Uint8Array.from(from as Uint8Array).subarray(0, keySize);
      let given = 0;
      while (given < asked) {
        const key = part(keys, keySize, given);
        const status = calls.nextKey(fd, last, key);
        if (status < 0) {
          count[0] = given;
          return status;
        }
        last = key.slice();
        if (calls.lookup(fd, key, part(values, valueSize, given)) === 0) given += 1;
      }
      count[0] = given;
      if (last !== null) (to as Uint8Array).set(last);
      return 0;
    },
  };
}

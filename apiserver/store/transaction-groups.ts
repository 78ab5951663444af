// Which writes go together: as many as a transaction may have bytes. How many of them there may be is the caller's to keep
// (TRANSACTION_WRITES_MAX).

/** etcd refuses requests of more than 1.5 MiB; keys, leases and the encoding need some of it. */
const TRANSACTION_BYTES_MAX = 1024 * 1024;

/** In their order; a large one goes with few others, or alone. `bytesOf`: of key and value. */
export function transactionGroups<T>(writes: readonly T[], bytesOf: (write: T) => number): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const write of writes) {
    const size = bytesOf(write);
    if (bytes + size > TRANSACTION_BYTES_MAX) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(write);
    bytes += size;
  }
  return groups;
}

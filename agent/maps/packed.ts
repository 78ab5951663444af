// Rows of one map, packed one after the other as the kernel takes and gives them: whoever makes many rows writes their bytes here
// once, whoever reads many looks at them here, and nobody makes an object of each. Those to write are reused from batch to batch.

export interface MapRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface RowSizes {
  readonly keySize: number;
  readonly valueSize: number;
}

export class PackedRows {
  readonly keySize: number;
  readonly valueSize: number;
  readonly capacity: number;
  /** Zero behind the rows that are there, so that a writer may leave padding alone. */
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  #length = 0;

  constructor({ keySize, valueSize }: RowSizes, capacity: number) {
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.capacity = capacity;
    this.keys = new Uint8Array(capacity * keySize);
    this.values = new Uint8Array(capacity * valueSize);
  }

  static of(rows: readonly MapRow[], sizes: RowSizes): PackedRows {
    const packed = new PackedRows(sizes, rows.length);
    for (const { key, value } of rows) {
      const at = packed.grow();
      put(packed.keys, at * sizes.keySize, key, sizes.keySize);
      put(packed.values, at * sizes.valueSize, value, sizes.valueSize);
    }
    return packed;
  }

  /** As many rows as there are bytes of, copied. */
  static copyOf(keys: Uint8Array, values: Uint8Array, sizes: RowSizes): PackedRows {
    const packed = new PackedRows(sizes, keys.length / sizes.keySize);
    packed.keys.set(keys);
    packed.values.set(values);
    packed.#length = packed.capacity;
    return packed;
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for one more row and says which it is. */
  grow(): number {
    if (this.#length === this.capacity) throw new RangeError(`no room for more than ${this.capacity} rows`);
    this.#length += 1;
    return this.#length - 1;
  }

  clear(): void {
    this.keys.fill(0, 0, this.#length * this.keySize);
    this.values.fill(0, 0, this.#length * this.valueSize);
    this.#length = 0;
  }

  keyAt(row: number): Uint8Array {
    return this.keys.subarray(row * this.keySize, (row + 1) * this.keySize);
  }

  valueAt(row: number): Uint8Array {
    return this.values.subarray(row * this.valueSize, (row + 1) * this.valueSize);
  }
}

function put(buffer: Uint8Array, at: number, part: Uint8Array, size: number): void {
  if (part.length !== size) throw new RangeError(`a key or value of this map has ${size} bytes, not ${part.length}`);
  buffer.set(part, at);
}

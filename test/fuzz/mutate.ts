// Damages stored values the way bugs, other versions and liars do: another value in some field, a field twice or in other letters, bytes
// cut, changed or repeated, a value under the key of another. Follows from the random source alone.

import type { Random } from '../../runtime/random.ts';
import type { SampleRecord } from '../samples/mesh.ts';
import { bytesOf, textOf } from '../samples/mesh.ts';

export class Mutator {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  /** `other`: a record of any kind, to take parts of. */
  record(record: SampleRecord, other: SampleRecord): SampleRecord {
    const key = this.chance(6) ? this.#key(record.key, other.key) : record.key;
    let { bytes } = record;
    for (let times = this.below(4); times > 0; times -= 1) bytes = this.#value(bytes, other.bytes);
    return { key, bytes };
  }

  value(bytes: Uint8Array): Uint8Array {
    return this.#value(bytes, bytes);
  }

  #key(key: string, other: string): string {
    const parts = key.split('/');
    switch (this.below(6)) {
      case 0:
        return other;
      case 1:
        return parts.map((part) => (this.chance(parts.length) ? this.oneOf(TEXTS) : part)).join('/');
      case 2:
        return `${key}${this.oneOf(['/', '/../x', '\u0000', ' ', '%2e', '/24'])}`;
      case 3:
        return parts.slice(0, -1).join('/');
      case 4:
        return [...parts.slice(0, -1), other.split('/').at(-1)].join('/');
      default:
        return key.toUpperCase();
    }
  }

  #value(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    switch (this.below(8)) {
      case 0:
        return this.#flipped(bytes);
      case 1:
        return bytes.slice(0, this.below(bytes.length + 1));
      case 2:
        return Uint8Array.from([...bytes, ...other.slice(this.below(other.length + 1))]);
      case 3:
        return this.#rewritten(bytes, other);
      default:
        return this.#restructured(bytes);
    }
  }

  #flipped(bytes: Uint8Array): Uint8Array {
    const copy = bytes.slice();
    for (let times = 1 + this.below(3); times > 0 && copy.length > 0; times -= 1) {
      copy[this.below(copy.length)] = this.below(256);
    }
    return copy;
  }

  /** In the text: a field twice, in other letters, or a piece of another value. */
  #rewritten(bytes: Uint8Array, other: Uint8Array): Uint8Array {
    const text = textOf(bytes);
    const at = this.below(text.length + 1);
    switch (this.below(4)) {
      case 0:
        return bytesOf(text.replace(/"(\w+)":/, (field, name: string) => `${field}null,"${this.#recased(name)}":`));
      case 1:
        return bytesOf(text.replace(/^\{/, `{${textOf(other).replace(/^\{|\}$/g, '')},`));
      case 2:
        return bytesOf(text.slice(0, at) + textOf(other).slice(0, this.below(40)) + text.slice(at));
      default:
        return bytesOf(
          text.replace(/\d+/g, (digits) =>
            this.chance(4) ? this.oneOf(['0', '00', `0${digits}`, '1e3', '-1']) : digits,
          ),
        );
    }
  }

  #recased(name: string): string {
    return this.chance(2)
      ? name
      : name.replace(/[a-zA-Z]/, (letter) =>
          letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
        );
  }

  /** In the value, where it is JSON. */
  #restructured(bytes: Uint8Array): Uint8Array {
    try {
      return bytesOf(this.#changed(JSON.parse(textOf(bytes))));
    } catch {
      return this.#flipped(bytes);
    }
  }

  #changed(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return this.oneOf(VALUES);
    if (Array.isArray(value))
      return value.length === 0 || this.chance(3) ? [...value, this.oneOf(VALUES)] : this.#inOne(value);
    const entries = Object.entries(value);
    const at = this.below(entries.length + 1);
    const entry = entries[at];
    if (entry === undefined) return { ...value, [this.oneOf(TEXTS)]: this.oneOf(VALUES) };
    const [name, inner] = entry;
    const changed: readonly (readonly [string, unknown])[] = this.chance(8)
      ? []
      : this.chance(6)
        ? [[this.oneOf(TEXTS), inner]]
        : [[name, this.chance(3) ? this.oneOf(VALUES) : this.#changed(inner)]];
    return Object.fromEntries([...entries.slice(0, at), ...changed, ...entries.slice(at + 1)]);
  }

  #inOne(values: readonly unknown[]): unknown {
    const at = this.below(values.length);
    return values.map((value, index) => (index === at ? this.#changed(value) : value));
  }
}

/** Names and addresses that are nearly right, or right for another. */
export const ADDRESSES: readonly string[] = [
  ...[
    '10.9.0.5',
    '10.9.0.1',
    '10.9.255.255',
    '10.10.0.0',
    '10.2.128.1',
    '10.2.200.1',
    '10.2.0.5',
    '10.1.0.5',
    '10.7.0.5',
  ],
  ...[
    '172.9.0.10',
    '172.2.0.10',
    '192.168.9.1',
    '192.168.9.2',
    '192.168.2.1',
    '192.168.7.1',
    '8.8.8.8',
    '0.0.0.0',
    '255.255.255.255',
  ],
  ...[
    '::ffff:10.9.0.2',
    '::ffff:10.2.0.5',
    '::ffff:a02:5',
    '::ffff:a09:7',
    'fd00:9::1',
    'FD00:9:0::1',
    'fd00:9:0:0:0:0:0:1',
    'fd00:a::1',
    '::',
    '::1',
  ],
  ...[
    '010.9.0.1',
    '10.9.1',
    '10.9.0.1 ',
    '10.9.0.1/32',
    '10.9.1.0/24',
    '10.0.0.0/8',
    '0.0.0.0/0',
    'fe80::1%eth0',
    '10.9.0.256',
    '١٠.9.0.1',
    '',
  ],
];

const TEXTS: readonly string[] = [
  ...ADDRESSES,
  ...[
    'rogue',
    'central',
    'west',
    'plain',
    'shop',
    'web',
    'shop/web',
    '..',
    '.',
    '/',
    '',
    'n1',
    'http',
    'TCP',
    'tcp',
    'SCTP',
    'x'.repeat(300),
  ],
  ...[
    'InternalIP',
    '////AA==',
    '//8AAA==',
    '/////w==',
    'AAAA',
    '=',
    '__proto__',
    'constructor',
    'cluster',
    'Cluster',
    'clusterid',
    'ID',
    'id',
    'backends',
  ],
  ...[
    'k8s:io.cilium.k8s.policy.cluster=central;',
    'k8s:io.cilium.k8s.policy.cluster=rogue;',
    ';',
    'a:b=c;',
    '\ud800',
    '\u0000',
    'ſhared',
    'é',
  ],
];

const NUMBERS: readonly number[] = [
  ...[
    0, 1, 2, 4, 6, 7, 8, 9, 80, 81, 100, 255, 256, 65_535, 65_536, 65_537, 131_073, 458_753, 589_824, 589_825, 589_826,
    655_359, 655_360,
  ],
  ...[2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -1, -0, 1.5, 1e300],
];

const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);

const VALUES: readonly unknown[] = [
  ...TEXTS,
  ...NUMBERS,
  ...[null, true, false, [], {}, [null], { '': {} }, deep(40), { '10.2.0.5': { http: { Protocol: 'TCP', Port: 80 } } }],
  ...[
    { '10.9.0.9': { http: { Protocol: 'UDP', Port: 0 } } },
    { IP: '10.9.1.0', Mask: '////AA==' },
    { IP: '10.2.128.0', Mask: '////AA==' },
  ],
];

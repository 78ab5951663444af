// Given any history of ranges that are added and taken away, when the trie is asked how they lie to one, then it says what a
// look at each of them says; ip-cidr and ipaddr.js agree where they are asked.

import fc from 'fast-check';
import IPCIDR from 'ip-cidr';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { addressFromBytes } from './address.ts';
import { containsPrefix, makePrefix, overlaps, type Prefix, parsePrefix } from './prefix.ts';
import { PrefixTrie } from './prefix-trie.ts';

/** Few distinct bits, so that ranges often lie in each other; both families, every length. */
const anyPrefix: fc.Arbitrary<Prefix> = fc
  .constantFrom(4, 16)
  .chain((size) =>
    fc.tuple(
      fc.array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: size, maxLength: size }),
      fc.integer({ min: 0, max: size * 8 }),
    ),
  )
  .map(([bytes, length]) => makePrefix(Uint8Array.from(bytes), length).prefix);

interface Step {
  readonly add: boolean;
  readonly prefix: Prefix;
  readonly value: number;
}

const history: fc.Arbitrary<readonly Step[]> = fc.array(anyPrefix, { minLength: 1, maxLength: 12 }).chain((few) =>
  fc.array(fc.record({ add: fc.boolean(), prefix: fc.constantFrom(...few), value: fc.integer({ min: 1, max: 3 }) }), {
    maxLength: 60,
    size: 'max',
  }),
);

/** The same without any structure. */
class List {
  readonly entries: { readonly prefix: Prefix; readonly value: number }[] = [];

  apply({ add, prefix, value }: Step): boolean {
    if (add) return this.entries.push({ prefix, value }) > 0;
    const at = this.entries.findIndex((entry) => entry.value === value && entry.prefix.text === prefix.text);
    if (at >= 0) this.entries.splice(at, 1);
    return at >= 0;
  }

  where(holds: (prefix: Prefix) => boolean): readonly number[] {
    return this.entries.filter((entry) => holds(entry.prefix)).map(({ value }) => value);
  }
}

const sorted = (values: readonly number[]): readonly number[] => [...values].sort();

function replay(steps: readonly Step[]): { readonly trie: PrefixTrie<number>; readonly list: List } {
  const trie = new PrefixTrie<number>();
  const list = new List();
  for (const step of steps) {
    const touching = list.where((prefix) => overlaps(prefix, step.prefix));
    const there = list.apply(step);
    if (step.add) expect(sorted(trie.add(step.prefix, step.value))).toEqual(sorted(touching));
    else expect(trie.delete(step.prefix, step.value)).toBe(there);
  }
  return { trie, list };
}

describe('a trie of ranges', () => {
  test('answers like a list of them', () => {
    fc.assert(
      fc.property(history, fc.array(anyPrefix, { maxLength: 6 }), (steps, strangers) => {
        const { trie, list } = replay(steps);
        expect(trie.size).toBe(list.entries.length);
        expect(sorted(trie.values())).toEqual(sorted(list.where(() => true)));
        for (const asked of [...steps.map(({ prefix }) => prefix), ...strangers]) {
          const around = list.where((prefix) => containsPrefix(prefix, asked));
          const inside = list.where((prefix) => containsPrefix(asked, prefix) && prefix.length > asked.length);
          expect(sorted(trie.covering(asked))).toEqual(sorted(around));
          expect(sorted(trie.inside(asked))).toEqual(sorted(inside));
          expect(sorted(trie.touching(asked))).toEqual(sorted([...around, ...inside]));
          expect(trie.touches(asked)).toBe(around.length + inside.length > 0);
          const longest = Math.max(
            ...list.entries.map(({ prefix }) => (containsPrefix(prefix, asked) ? prefix.length : -1)),
          );
          const closest = list.where((prefix) => prefix.length === longest && containsPrefix(prefix, asked));
          expect(sorted(trie.closest(asked))).toEqual(sorted(closest));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('gives the ranges around another from the widest to the narrowest', () => {
    const trie = new PrefixTrie<number>();
    for (const length of [32, 8, 24, 16]) trie.add(makePrefix(Uint8Array.of(10, 1, 2, 3), length).prefix, length);
    expect(trie.covering(makePrefix(Uint8Array.of(10, 1, 2, 3), 32).prefix)).toEqual([8, 16, 24, 32]);
  });

  test('agrees with ip-cidr and ipaddr.js about the longest match of an address', () => {
    const address = (prefix: Prefix) => addressFromBytes(prefix.bytes);
    fc.assert(
      fc.property(fc.array(anyPrefix, { minLength: 1, maxLength: 20 }), anyPrefix, (prefixes, place) => {
        const trie = new PrefixTrie<string>();
        for (const prefix of prefixes) trie.add(prefix, prefix.text);
        const host = makePrefix(place.bytes, place.bytes.length * 8).prefix;
        // ip-cidr takes an IPv6 address for a part of any IPv4 range, and the other way round.
        const alike = prefixes.filter(({ family }) => family === host.family);
        const byIpCidr = alike.filter(({ text }) => new IPCIDR(text).contains(address(host)));
        const byIpaddr = alike.filter(({ text }) => ipaddr.parse(address(host)).match(ipaddr.parseCIDR(text)));
        const longest = (matches: readonly Prefix[]) =>
          [...matches].sort((a, b) => b.length - a.length).map(({ text }) => text)[0];
        expect(trie.closest(host)[0]).toBe(longest(byIpaddr));
        expect(trie.closest(host)[0]).toBe(longest(byIpCidr));
      }),
      { numRuns: 300 },
    );
  });
});

// Where the two read something else than the strict parser, a range would be withheld that nobody declared, or none at all.
describe('what other parsers make of a range', () => {
  const read = (parse: () => string): string => {
    try {
      return parse();
    } catch {
      return 'refused';
    }
  };
  const own = (text: string) => {
    const parsed = parsePrefix(text);
    return parsed.ok ? parsed.value.prefix.text : 'refused';
  };
  const ipCidr = (text: string) => read(() => new IPCIDR(text).toRange().join(' to '));
  const ipaddrJs = (text: string) => read(() => ipaddr.parseCIDR(text).join('/'));

  test.each([
    ['010.0.0.0/8', ['refused', 'refused', '8.0.0.0/8']],
    ['10.1/16', ['refused', 'refused', '10.0.0.1/16']],
    ['0x0a.0.0.0/8', ['refused', 'refused', '10.0.0.0/8']],
    ['10.0.0.0/08', ['refused', '10.0.0.0 to 10.255.255.255', '10.0.0.0/8']],
    [
      'fe80::1%eth0/64',
      ['refused', `fe80${':0000'.repeat(7)} to fe80${':0000'.repeat(3)}${':ffff'.repeat(4)}`, 'fe80::1%eth0/64'],
    ],
    ['::ffff:10.0.0.0/104', ['10.0.0.0/8', '10.0.0.0 to 10.0.0.0', '::ffff:a00:0/104']],
    ['10.1.2.3/16', ['10.1.0.0/16', '10.1.0.0 to 10.1.255.255', '10.1.2.3/16']],
  ])('%s', (text, readings) => {
    expect([own(text), ipCidr(text), ipaddrJs(text)]).toEqual(readings);
  });
});

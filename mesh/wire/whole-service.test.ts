// The text of a whole service is the same, whether it is made of all pieces or of the earlier text and those that changed; and in
// the second way the others are not read.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceHeadKind } from './service-head.ts';
import { type ServiceSliceRecord, serviceSliceKind } from './service-slice.ts';
import { wholeService } from './whole-service.ts';
import type { WholeValue } from './whole-value.ts';

const NAMES = { cluster: 'west', namespace: 'shop', name: 'cart', clusterID: 2 };
const port = (number: number) => ({ Protocol: 'TCP', Port: number });
const headNamed = (labels: Readonly<Record<string, string>>) =>
  serviceHeadKind.encode({
    ...{ ...NAMES, frontends: { '10.96.0.1': { http: port(80) } }, backends: {}, labels, selector: {} },
    ...{ includeExternal: true, shared: true },
  });
const HEAD = headNamed({ app: 'cart' });

type Said = Pick<ServiceSliceRecord, 'backends' | 'hostnames' | 'zones'>;
const sliceOf = (slice: string, said: Said) => serviceSliceKind.encode({ ...NAMES, slice, ...said });
const textOf = (whole: WholeValue | undefined) => whole && Buffer.from(whole.bytes).toString();

/** Hosts in numeric order are not so in the order of bytes: 10.2.0.10 comes before 10.2.0.9. */
const backendsOf = (hosts: readonly number[], number = 80) =>
  Object.fromEntries(hosts.map((host) => [`10.2.0.${host}`, { http: port(number) }]));

describe('a change of one slice', () => {
  const FIRST = sliceOf('cart-a', { backends: backendsOf([9, 11, 30]) });
  const LAST = sliceOf('cart-c', { backends: backendsOf([1, 200]) });
  const MIDDLE = backendsOf([2, 10, 100]);

  test.each<readonly [string, Said]>([
    ['one more', { backends: { ...MIDDLE, ...backendsOf([31]) } }],
    ['one more, before all others', { backends: { ...MIDDLE, '10.1.0.0': {} } }],
    ['one more, behind all others', { backends: { ...MIDDLE, 'fd00::1': { http: port(80) } } }],
    ['one less', { backends: backendsOf([2, 100]) }],
    ['none left', { backends: {} }],
    ['others', { backends: backendsOf([3, 4, 101]) }],
    ['another port', { backends: backendsOf([2, 10, 100], 81) }],
    ['another port name', { backends: { ...MIDDLE, '10.2.0.10': { '10.2.0.9': port(1), '"},"': port(2) } } }],
  ])('%s: without a look at the others', (_, said) => {
    const [first, last] = [Uint8Array.from(FIRST), Uint8Array.from(LAST)];
    const before = wholeService({ head: HEAD, slices: [first, sliceOf('cart-b', { backends: MIDDLE }), last] });
    first.fill(0);
    last.fill(0);
    const changed = sliceOf('cart-b', said);
    const expected = wholeService({ head: HEAD, slices: [FIRST, changed, LAST] });
    expect(textOf(wholeService({ head: HEAD, slices: [first, changed, last] }, before))).toBe(textOf(expected));
  });
});

test('an address that another slice names as well is not lost with one of them', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((name, at) => sliceOf(`cart-${name}`, { backends: backendsOf([at]) }));
  if (a === undefined || b === undefined || c === undefined) throw new Error('three slices were made');
  const moving = sliceOf('cart-b', { backends: backendsOf([0, 1]) });
  const apart = wholeService({ head: HEAD, slices: [a, b, c] });
  const both = wholeService({ head: HEAD, slices: [a, moving, c] }, apart);
  const moved = wholeService({ head: HEAD, slices: [moving, c] }, both);
  expect(moved?.bytes).toEqual(wholeService({ head: HEAD, slices: [moving, c] })?.bytes);
  expect(textOf(moved)).toContain('"10.2.0.0"');
});

test('names that do not stand in the text as they are keep their order', () => {
  const named = (name: string) => ({ backends: backendsOf([1]), hostnames: { [name]: 'host' } });
  // Written as \u003c, which would come behind it.
  const first = sliceOf('cart-a', { ...named('<'), backends: {} });
  const before = wholeService({ head: HEAD, slices: [first, sliceOf('cart-b', named('x'))] });
  const pieces = { head: HEAD, slices: [first, sliceOf('cart-b', named('='))] };
  expect(textOf(wholeService(pieces, before))).toBe(textOf(wholeService(pieces)));
});

test('whatever follows whatever, the text is what all pieces together say', () => {
  const address = fc.integer({ min: 1, max: 30 }).map((host) => `10.2.0.${host}`);
  // Few may be named by several slices, as while an address moves; names in host names and zones may be anything.
  const named = (name: string) =>
    fc.oneof({ weight: 9, arbitrary: address.map((text) => `${text}${name}`) }, { weight: 1, arbitrary: address });
  const anyName = fc.oneof({ weight: 9, arbitrary: address }, fc.string({ unit: 'binary' }));
  const ports = fc.dictionary(
    fc.constantFrom('http', '', '10.2.0.1', '<"}\\'),
    fc.integer({ min: 1, max: 3 }).map(port),
  );
  const slice = fc.constantFrom('1', '2', '3', '4').chain((name) =>
    fc
      .record(
        {
          backends: fc.dictionary(named(name), ports, { maxKeys: 8 }),
          hostnames: fc.dictionary(anyName, fc.string({ unit: 'binary' }), { maxKeys: 2 }),
          zones: fc.dictionary(named(name), fc.jsonValue(), { maxKeys: 2 }),
        },
        { requiredKeys: ['backends'] },
      )
      .map((said) => [`cart-${name}`, sliceOf(`cart-${name}`, said)] as const),
  );
  const step = fc.oneof(
    { weight: 8, arbitrary: slice },
    { weight: 1, arbitrary: fc.constantFrom('1', '2', '3', '4').map((name) => [`cart-${name}`, undefined] as const) },
    {
      weight: 1,
      arbitrary: fc.dictionary(fc.string(), fc.string()).map((labels) => ['head', headNamed(labels)] as const),
    },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let head = HEAD;
      const slices = new Map<string, Uint8Array>();
      let whole: WholeValue | undefined;
      for (const [name, bytes] of steps) {
        if (bytes === undefined) slices.delete(name);
        else if (name === 'head') head = bytes;
        else slices.set(name, bytes);
        const pieces = { head, slices: [...slices.values()] };
        whole = wholeService(pieces, whole);
        expect(textOf(whole)).toBe(textOf(wholeService(pieces)));
      }
    }),
    { numRuns: 300 },
  );
});

// Whatever comes in which order, and whether one cluster says something else or several do: a service's step leads to what a merge of all
// that stands then comes to, and says how it differs.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterId } from '../../mesh/model/names.ts';
import type { Affinity, MeshService } from '../../mesh/model/service.ts';
import { diffService } from '../../mesh/snapshot/delta.ts';
import { sameService } from '../../mesh/snapshot/equality.ts';
import { ViewInputs } from './inputs.ts';
import { cached, cart, head, inPieces, local, peer, slice, west } from './rig.ts';

type Changes = Readonly<Record<string, Uint8Array | undefined>>;

const CLUSTERS = ['east', 'north', 'zoo'] as const;
const own = { name: west, id: 1 as ClusterId };

const cluster = fc.constantFrom(...CLUSTERS);
/** Of one slice: some lists are longer than a piece of a list, and some empty. */
const size = fc.constantFrom(0, 1, 2, 3, 70, 150);
const port = fc.constantFrom('http', 'other');
const none = (changes: Changes): Changes => Object.fromEntries(Object.keys(changes).map((key) => [key, undefined]));

/** Slices of a cluster have places of their own, but for the first, which another one names too. */
function backendsOf(name: string, named: string, count: number, portName: string) {
  const place = (at: number) => (at === 0 ? 0 : at + (named === 'a' ? 0 : 200));
  const addresses = Array.from({ length: count }, (_, at) => `10.${name.length}.${place(at) >> 8}.${place(at) & 255}`);
  return Object.fromEntries(addresses.map((address) => [address, { [portName]: { Protocol: 'TCP', Port: 8080 } }]));
}

const change: fc.Arbitrary<Changes> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ name: cluster, named: fc.constantFrom('a', 'b'), size, port }).map(sliceOf) },
  cluster.map((name) => head(name, 'cart', { shared: true })),
  cluster.map((name) => head(name, 'cart', { shared: false })),
  cluster.map((name) => none(head(name, 'cart'))),
  cluster.map((name) => inPieces(name)),
  cluster.map((name) => none(inPieces(name))),
  fc
    .tuple(cluster, size)
    .map(([name, count]) => cached(name, 'cart', Object.keys(backendsOf(name, 'b', count, 'http')))),
  cluster.map((name) => none(cached(name, 'cart', []))),
  fc
    .tuple(cluster, fc.constantFrom('fresh' as const, 'stale' as const))
    .map(([name, freshness]) => peer(name, freshness)),
  fc
    .tuple(fc.constantFrom<Affinity>('none', 'local', 'remote'), fc.integer({ min: 0, max: 2 }), fc.boolean())
    .map(([affinity, count, global]) =>
      local('cart', ['10.9.0.1', '10.9.0.2'].slice(0, count), { affinity, global: global || count > 0 }),
    ),
);

interface SliceChange {
  readonly name: string;
  readonly named: string;
  readonly size: number;
  readonly port: string;
}

function sliceOf({ name, named, size: count, port: portName }: SliceChange): Changes {
  const record = slice(name, 'cart', named, backendsOf(name, named, count, portName));
  return count === 0 ? none(record) : record;
}

const START: Changes = Object.assign(
  {},
  local('cart', []),
  ...CLUSTERS.flatMap((name) => [
    head(name, 'cart'),
    slice(name, 'cart', 'a', backendsOf(name, 'a', 100, 'http')),
    inPieces(name),
  ]),
);

const apply = (inputs: ViewInputs, changes: Changes) => {
  for (const [key, value] of Object.entries(changes)) expect(inputs.apply(key, value).ok).toBe(true);
};

test('a step of a service is what a whole merge comes to', () => {
  const steps = fc.array(
    fc.record({ changes: fc.array(change, { minLength: 1, maxLength: 2 }), taken: fc.boolean() }),
    {
      minLength: 1,
      maxLength: 20,
    },
  );
  fc.assert(
    fc.property(steps, (all) => {
      const inputs = new ViewInputs(own);
      let stands: Changes = START;
      apply(inputs, START);
      let before: MeshService | undefined = inputs.step(cart, undefined)?.service;
      for (const { changes, taken } of all) {
        for (const one of changes) {
          apply(inputs, one);
          stands = { ...stands, ...one };
        }
        const anew = new ViewInputs(own);
        apply(anew, Object.fromEntries(Object.entries(stands).filter(([, value]) => value !== undefined)));
        const expected = anew.step(cart, undefined)?.service;
        const step = inputs.step(cart, before);
        expect(step === undefined).toBe(expected === undefined);
        if (step !== undefined && expected !== undefined) {
          expect([...step.service.backends]).toEqual([...expected.backends]);
          expect(sameService(step.service, expected)).toBe(true);
          expect(step.service.backends.length).toBe(expected.backends.length);
          const difference = diffService(before, expected);
          expect(step.change && { ...step.change, upserted: [...step.change.upserted] }).toEqual(
            difference && { ...difference, upserted: [...difference.upserted] },
          );
        }
        // What is not sound is not taken.
        if (taken) before = step?.service;
      }
    }),
  );
});

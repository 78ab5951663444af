import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterName, IpAddress, Revision } from '../model/names.ts';
import type { PeerAddress, PeerNode } from '../model/peer-address.ts';
import { makePrefix } from '../model/prefix.ts';
import {
  type AddressChanges,
  encodeAddresses,
  encodeFollowAddresses,
  parseAddressesPart,
  parseFollowAddresses,
} from './addresses.ts';

const TO = { storeId: '00000000000000aa-00000000000000bb', revision: 7 as Revision };
const cluster = fc.constantFrom('east' as ClusterName, 'north' as ClusterName);
const octets = fc.uint8Array({ minLength: 4, maxLength: 4 });
const host = octets.map((bytes) => bytes.join('.') as IpAddress);
const prefix = fc
  .tuple(octets, fc.integer({ min: 0, max: 32 }))
  .map(([bytes, length]) => makePrefix(bytes, length).prefix.text);
const ref = fc.record({ cluster, prefix });
const nodeRef = fc.record({ cluster, name: fc.constantFrom('n1', 'n2.example') });
const address: fc.Arbitrary<PeerAddress> = fc.record({
  cluster,
  prefix,
  identity: fc.integer({ min: 1, max: 0xffffff }),
  host: fc.option(host, { nil: undefined }),
  keyIndex: fc.integer({ min: 0, max: 255 }),
  pod: fc.option(fc.constantFrom('shop/web-1', 'a/b'), { nil: undefined }),
});
const node: fc.Arbitrary<PeerNode> = fc.tuple(nodeRef, fc.array(host)).map(([of, addresses]) => ({ ...of, addresses }));
const changes: fc.Arbitrary<AddressChanges> = fc.record({
  addresses: fc.array(address),
  removed: fc.array(ref),
  nodes: fc.array(node),
  removedNodes: fc.array(nodeRef),
});

const plain = ({ addresses, removed, nodes, removedNodes }: AddressChanges) => ({
  addresses,
  removed,
  nodes,
  removedNodes,
});

test('what is read is what was written, in as many messages as parts', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 3 }), fc.boolean(), (parts, whole) => {
      const read = [...encodeAddresses(TO, whole, parts)].map((bytes) => {
        const part = parseAddressesPart(bytes);
        if (!part.ok) throw new Error(part.error);
        return part.value;
      });
      const wanted = parts.length === 0 ? [{ addresses: [], removed: [], nodes: [], removedNodes: [] }] : parts;
      expect(read.map(plain)).toEqual(wanted.map(plain));
      expect(read.map(({ more }) => more)).toEqual(wanted.map((_, index) => index < wanted.length - 1));
      expect(read.map((part) => part.whole)).toEqual(wanted.map((_, index) => whole && index === 0));
      expect(read.every(({ to }) => to.revision === TO.revision && to.storeId === TO.storeId)).toBe(true);
    }),
  );
});

test.each([undefined, TO])('a request from %o', (resume) => {
  const request = { node: 'n1', protocol: 1, resume };
  expect(parseFollowAddresses(encodeFollowAddresses(request))).toEqual({ ok: true, value: request });
});

test('any bytes are read or refused, never thrown at', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      parseAddressesPart(bytes);
      parseFollowAddresses(bytes);
    }),
  );
});

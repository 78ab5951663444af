// Whatever comes in whatever order, the map ends as it would if only the last state had come: to each prefix the first of its
// claimants, with the id that its cluster has now.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, Revision } from '../../mesh/model/names.ts';
import type { PeerAddress } from '../../mesh/model/peer-address.ts';
import { singlePrefix } from '../../mesh/model/prefix.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { parseAddressKey, parseAddressValue } from '../maps/address-row.ts';
import { MemoryAddressMap } from './memory.ts';
import { AddressProgrammer } from './programmer.ts';

const CLUSTERS = ['east', 'north', 'west'].map((name) => name as ClusterName);
const PREFIXES = Array.from({ length: 6 }, (_, at) => singlePrefix(`10.0.0.${at}` as IpAddress).text);

const address: fc.Arbitrary<PeerAddress> = fc.record({
  cluster: fc.constantFrom(...CLUSTERS),
  prefix: fc.constantFrom(...PREFIXES),
  identity: fc.integer({ min: 0x10000, max: 0x10003 }),
  host: fc.constant(undefined),
  keyIndex: fc.constant(0),
  pod: fc.constant(undefined),
});

type Event =
  | { readonly type: 'addresses'; readonly whole: boolean; readonly addresses: readonly PeerAddress[] }
  | { readonly type: 'removed'; readonly removed: readonly PeerAddress[] }
  | { readonly type: 'names'; readonly ids: readonly (number | undefined)[] };

const id = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    type: fc.constant('addresses' as const),
    whole: fc.boolean(),
    addresses: fc.array(address, { maxLength: 8 }),
  }),
  fc.record({ type: fc.constant('removed' as const), removed: fc.array(address, { maxLength: 4 }) }),
  fc.record({ type: fc.constant('names' as const), ids: fc.tuple(id, id, id) }),
);

/** What is said last of each prefix by each cluster. */
class Said {
  readonly claims = new Map<string, PeerAddress>();
  ids: ReadonlyMap<ClusterName, ClusterId> = new Map();

  hear(heard: Event): void {
    const nameOf = ({ cluster, prefix }: PeerAddress) => `${prefix} ${cluster}`;
    if (heard.type === 'names') this.ids = idsOf(heard.ids);
    else if (heard.type === 'removed') for (const one of heard.removed) this.claims.delete(nameOf(one));
    else {
      if (heard.whole) this.claims.clear();
      for (const one of heard.addresses) this.claims.set(nameOf(one), one);
    }
  }

  rows(): Readonly<Record<string, string>> {
    const rows: Record<string, string> = {};
    for (const text of PREFIXES) {
      const [owner] = CLUSTERS.flatMap((cluster) => this.claims.get(`${text} ${cluster}`) ?? []);
      if (owner !== undefined) rows[text] = `${owner.identity} of ${this.ids.get(owner.cluster) ?? 0}`;
    }
    return rows;
  }
}

const idsOf = (ids: readonly (number | undefined)[]): ReadonlyMap<ClusterName, ClusterId> =>
  new Map(
    CLUSTERS.flatMap((name, at) => {
      const own = ids[at];
      return own === undefined ? [] : [[name, (10 * at + own) as ClusterId] as const];
    }),
  );

async function rowsOf(map: MemoryAddressMap): Promise<Readonly<Record<string, string>>> {
  const rows: Record<string, string> = {};
  for await (const chunk of map.chunks()) {
    for (const { key, value } of chunk) {
      const row = parseAddressValue(value);
      rows[parseAddressKey(key)?.text ?? 'stray'] = `${row?.identity} of ${row?.clusterId}`;
    }
  }
  return rows;
}

test('the map ends as the last state alone would have it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(event, fc.boolean()), { maxLength: 12 }), async (events) => {
      const map = new MemoryAddressMap();
      const stop = new AbortController();
      const deps = { map, random: seededRandom(1), pause: () => undefined, log: silentLog };
      const programmer = new AddressProgrammer({ ...deps, clock: new ManualClock() });
      const running = programmer.run(stop.signal);
      const said = new Said();
      const to = { storeId: '00000000000000aa', revision: 7 as Revision };
      const nothing = { to, whole: false, more: false, addresses: [], removed: [], nodes: [], removedNodes: [] };
      const first: Event = { type: 'addresses', whole: true, addresses: [] };
      for (const [heard, turn] of [[first, true] as const, ...events]) {
        said.hear(heard);
        if (heard.type === 'names') programmer.name(said.ids);
        else programmer.take({ ...nothing, ...heard });
        if (turn) await new Promise(setImmediate);
      }
      await expect.poll(() => rowsOf(map), { interval: 1 }).toEqual(said.rows());
      stop.abort();
      await running;
    }),
    { numRuns: 200 },
  );
});

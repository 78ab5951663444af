import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ClusterId, ClusterName, IpAddress, Revision } from '../../mesh/model/names.ts';
import type { PeerAddress } from '../../mesh/model/peer-address.ts';
import { parsePrefix } from '../../mesh/model/prefix.ts';
import type { AddressesPart } from '../../mesh/wire/addresses.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { addressKey, parseAddressKey, parseAddressValue } from '../maps/address-row.ts';
import { describeLookup } from './document.ts';
import { MemoryAddressMap } from './memory.ts';
import { AddressProgrammer } from './programmer.ts';

const east = 'east' as ClusterName;
const north = 'north' as ClusterName;
const CLUSTERS = new Map([
  [east, 2 as ClusterId],
  [north, 3 as ClusterId],
]);

const prefixOf = (text: string) => {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value.prefix;
};
const address = (text: string, more: Partial<PeerAddress> = {}): PeerAddress => ({
  cluster: east,
  prefix: text,
  identity: 0x20001,
  host: '192.168.1.9' as IpAddress,
  keyIndex: 0,
  pod: 'shop/web-1',
  ...more,
});
const part = (changes: Partial<AddressesPart> = {}): AddressesPart => ({
  to: { storeId: '00000000000000aa', revision: 7 as Revision },
  whole: false,
  more: false,
  addresses: [],
  removed: [],
  nodes: [],
  removedNodes: [],
  ...changes,
});

let clock: ManualClock;
let map: MemoryAddressMap;
let stop: AbortController;
let programmer: AddressProgrammer;
let running: Promise<void>;

function start(size = 100): void {
  map = new MemoryAddressMap(size);
  restart();
}

function restart(): void {
  clock = new ManualClock();
  stop = new AbortController();
  programmer = new AddressProgrammer({ map, clock, random: seededRandom(1), pause: () => undefined, log: silentLog });
  programmer.name(CLUSTERS);
  running = programmer.run(stop.signal);
}

beforeEach(() => start());
afterEach(async () => {
  stop.abort();
  await running;
});

async function rows(): Promise<Readonly<Record<string, number | undefined>>> {
  const found: [string, number | undefined][] = [];
  for await (const chunk of map.chunks()) {
    for (const { key, value } of chunk)
      found.push([parseAddressKey(key)?.text ?? 'stray', parseAddressValue(value)?.identity]);
  }
  return Object.fromEntries(found.sort());
}

const whole = (...addresses: readonly PeerAddress[]) => programmer.take(part({ whole: true, addresses }));

describe('the ipcache', () => {
  test('holds what a whole list says, and follows its changes', async () => {
    whole(address('10.1.0.1/32'), address('10.1.0.2/32', { identity: 6 }), address('fd00::/64'));
    await expect.poll(rows).toEqual({ '10.1.0.1/32': 0x20001, '10.1.0.2/32': 6, 'fd00::/64': 0x20001 });
    programmer.take(
      part({
        addresses: [address('10.1.0.1/32', { identity: 0x20002 }), address('10.1.0.3/32', { identity: 1 })],
        removed: [address('10.1.0.2/32')],
      }),
    );
    // A peer's own nodes are host to it, and remote nodes here.
    await expect.poll(rows).toEqual({ '10.1.0.1/32': 0x20002, '10.1.0.3/32': 6, 'fd00::/64': 0x20001 });
    expect(programmer.report).toMatchObject({ known: true, wanted: 3, entries: 3, rows_written: 5, rows_removed: 1 });
  });

  test('keeps what a predecessor left until a whole list is there, and then only what that says', async () => {
    whole(address('10.1.0.1/32'), address('10.1.0.2/32'));
    await expect.poll(() => programmer.report.entries).toBe(2);
    stop.abort();
    await running;
    restart();
    programmer.take(part({ whole: true, more: true, addresses: [address('10.1.0.2/32')] }));
    await expect.poll(() => programmer.report.entries).toBe(2);
    expect(Object.keys(await rows())).toEqual(['10.1.0.1/32', '10.1.0.2/32']);
    programmer.take(part({ addresses: [address('10.1.0.3/32')] }));
    await expect.poll(rows).toEqual({ '10.1.0.2/32': 0x20001, '10.1.0.3/32': 0x20001 });
    expect(programmer.report).toMatchObject({ rows_written: 1, rows_removed: 1 });
  });

  test('of two owners the first by the name of its cluster counts, whoever came first', async () => {
    whole(address('10.1.0.1/32', { cluster: north, identity: 0x30001 }), address('10.1.0.1/32'));
    await expect.poll(rows).toEqual({ '10.1.0.1/32': 0x20001 });
    programmer.take(part({ removed: [address('10.1.0.1/32')] }));
    await expect.poll(rows).toEqual({ '10.1.0.1/32': 0x30001 });
  });

  test('what others change is put right within a minute, and is foreign until then', async () => {
    whole(address('10.1.0.1/32'), address('10.1.0.2/32'));
    await expect.poll(() => programmer.report.entries).toBe(2);
    expect(await programmer.differences()).toEqual([]);
    const prefix = prefixOf('10.1.0.1/32');
    await map.update([{ key: addressKey(prefix), value: new Uint8Array(24) }]);
    await map.remove([addressKey(prefixOf('10.1.0.2/32'))]);
    await map.update([{ key: new Uint8Array(24).fill(9), value: new Uint8Array(24) }]);
    expect(await programmer.differences()).toEqual([
      { prefix: '10.1.0.1/32', type: 'wrong', cause: 'foreign' },
      { prefix: '10.1.0.2/32', type: 'missing', cause: 'foreign' },
    ]);
    clock.advance(60_000);
    await expect.poll(rows).toEqual({ '10.1.0.1/32': 0x20001, '10.1.0.2/32': 0x20001 });
    expect(programmer.report.drift).toBe(3);
  });

  test('what does not fit waits, and comes in as soon as there is room', async () => {
    stop.abort();
    await running;
    start(2);
    whole(address('10.1.0.1/32'), address('10.1.0.2/32'), address('10.1.0.3/32'));
    await expect.poll(() => programmer.report.left_out).toBe(1);
    expect(await programmer.differences()).toEqual([{ prefix: '10.1.0.3/32', type: 'missing', cause: 'refused' }]);
    programmer.take(part({ removed: [address('10.1.0.1/32')] }));
    await expect.poll(rows).toEqual({ '10.1.0.2/32': 0x20001, '10.1.0.3/32': 0x20001 });
    expect(programmer.report.left_out).toBe(0);
  });

  test('a map that fails is read again and tried again', async () => {
    let failures = 3;
    map.fault = () => {
      failures -= 1;
      return failures >= 0 && failures < 2 ? { code: 'MAP_FAILED', reason: 'EBUSY', errno: 16 } : undefined;
    };
    whole(address('10.1.0.1/32'), address('10.1.0.2/32'), address('10.1.0.3/32'));
    await expect
      .poll(async () => {
        clock.advance(1_000);
        return Object.keys(await rows());
      })
      .toEqual(['10.1.0.1/32', '10.1.0.2/32', '10.1.0.3/32']);
    expect(programmer.report.failures).toBe(2);
  });

  test('an address is named by the longest prefix, with its node and its pod', async () => {
    const nodes = [{ cluster: east, name: 'n1', addresses: ['192.168.1.9' as IpAddress] }];
    const range = address('10.1.0.0/16', { identity: 2, host: undefined, pod: undefined });
    programmer.take(part({ whole: true, addresses: [range, address('10.1.0.1/32')], nodes }));
    await expect.poll(() => programmer.report.entries).toBe(2);
    const lookup = (text: string) => describeLookup(map, { clusters: CLUSTERS, book: programmer.book }, text);
    expect(lookup('10.1.0.1')?.found).toEqual({
      prefix: '10.1.0.1/32',
      identity: 0x20001,
      cluster: 'east',
      node: 'n1',
      node_address: '192.168.1.9',
      pod: 'shop/web-1',
    });
    expect(lookup('10.1.0.2')?.found).toMatchObject({ prefix: '10.1.0.0/16', identity: 2, node: null, pod: null });
    expect(lookup('10.2.0.1')?.found).toBeNull();
    expect(lookup('nobody')).toBeUndefined();
  });

  test('ids of clusters that come later are written then', async () => {
    stop.abort();
    await running;
    restart();
    programmer.name(new Map());
    whole(address('10.1.0.1/32'));
    const clusterId = async () => {
      for await (const [row] of map.chunks()) return row && parseAddressValue(row.value)?.clusterId;
      return undefined;
    };
    await expect.poll(clusterId).toBe(0);
    programmer.name(CLUSTERS);
    await expect.poll(clusterId).toBe(2);
  });
});

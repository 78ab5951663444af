import { beforeEach, describe, expect, test } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { EPOCH_KEY } from '../../mesh/wire/epoch.ts';
import { keepOnce } from '../store/keep-once.ts';
import type { KeyValue, MirrorBatch, StoreEvent } from '../store/port.ts';
import { AddressBook } from './book.ts';
import { describeKeys } from './records.ts';

const STORE = '00000000000000aa';
const at = (revision: number, storeId = STORE) => ({ storeId, revision: revision as Revision });
const key = (address: string, cluster = 'east') => `cilium/cache/ip/v1/${cluster}/${address}`;
const ip = (address: string, more: object = {}) =>
  Buffer.from(
    JSON.stringify({ IP: address, Mask: null, HostIP: '192.168.1.9', ID: 131_073, Key: 0, Metadata: '', ...more }),
  );
const put = (name: string, value: Uint8Array): StoreEvent => ({
  type: 'put',
  kv: { key: name, value, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});
const del = (name: string): StoreEvent => ({ type: 'delete', key: name, modRevision: 1 });

let entries: Map<string, KeyValue>;
let book: AddressBook;
beforeEach(() => {
  entries = new Map();
  book = new AddressBook(() => entries);
  told({ position: at(10), events: [put(key('10.1.0.1'), ip('10.1.0.1'))], relisted: true });
});

/** As the mirror does it: the entries first. */
function told(batch: MirrorBatch): void {
  for (const event of batch.events) {
    if (event.type === 'put') entries.set(event.kv.key, event.kv);
    else entries.delete(event.key);
  }
  book.onBatch(batch);
}

const batch = (revision: number, ...events: readonly StoreEvent[]) =>
  told({ position: at(revision), events, relisted: false });

describe('what has changed since a position', () => {
  test('is named by its keys, each once, and other keys never', () => {
    batch(11, put(key('10.1.0.2'), ip('10.1.0.2')), put('cilium/cache/services/v1/east/shop/web', ip('')));
    batch(12, put(key('10.1.0.2'), ip('10.1.0.2', { ID: 131_074 })), del(key('10.1.0.1')));
    expect([...(book.since(at(10)) ?? [])]).toEqual([key('10.1.0.2'), key('10.1.0.1')]);
    expect([...(book.since(at(11)) ?? [])]).toEqual([key('10.1.0.2'), key('10.1.0.1')]);
    expect([...(book.since(at(12)) ?? [])]).toEqual([]);
    expect([...book.keys()]).toEqual([key('10.1.0.2')]);
  });

  test('is not known before the first list, of another history, and of what is long ago', () => {
    expect(book.since(at(9))).toBeUndefined();
    expect(book.since(at(10, '00000000000000bb'))).toBeUndefined();
    for (let revision = 11; revision < 70_000; revision += 1) batch(revision, put(key('10.1.0.1'), ip('10.1.0.1')));
    expect(book.since(at(11))).toBeUndefined();
    expect([...(book.since(at(69_998)) ?? [])]).toEqual([key('10.1.0.1')]);
    told({ position: at(5, '00000000000000bb'), events: [del(key('10.1.0.1'))], relisted: true });
    expect(book.since(at(69_998))).toBeUndefined();
    expect([...(book.since(at(5, '00000000000000bb')) ?? [])]).toEqual([]);
  });

  test('nothing is reached before the first whole list', () => {
    const early = new AddressBook(() => new Map());
    early.onBatch({ position: at(3), events: [put(key('10.1.0.1'), ip('10.1.0.1'))], relisted: false });
    expect(early.reached).toBeUndefined();
  });
});

test('while a list is told, or held back because its etcd is being filled again, everything is read as it was before', () => {
  entries = new Map();
  expect([...book.keys()]).toEqual([key('10.1.0.1')]);
  told({ position: at(11), events: [put(key('10.1.0.2'), ip('10.1.0.2'))], relisted: true, more: true });
  expect([...book.keys()]).toEqual([key('10.1.0.1')]);
  expect(book.read(key('10.1.0.1'))).toBeDefined();
  told({ position: at(11), events: [del(key('10.1.0.1'))], relisted: true });
  expect([...book.keys()]).toEqual([key('10.1.0.2')]);
  expect(book.read(key('10.1.0.1'))).toBeUndefined();
});

test('nothing is told of an etcd that is being emptied by hand', () => {
  batch(11, put(EPOCH_KEY, Buffer.from('0123456789abcdef')));
  expect(book.reached).toEqual(at(11));
  entries.delete(EPOCH_KEY);
  expect(book.reached).toBeUndefined();
});

test('a value is in memory once with that of the entry, also where that comes to be shared later', () => {
  const event = put(key('10.1.0.3'), ip('10.1.0.3'));
  batch(11, event);
  const shared = ip('10.1.0.3');
  if (event.type === 'put') keepOnce(event.kv, shared);
  expect(book.read(key('10.1.0.3'))).toBe(shared);
});

test('records are told as addresses and nodes; what says nothing, or another address than its key, is a removal', () => {
  const node = { Name: 'n1', Cluster: 'east', ClusterID: 2, IPAddresses: [{ Type: 'InternalIP', IP: '192.168.1.9' }] };
  const values = new Map([
    [key('10.1.0.1'), ip('10.1.0.1', { K8sNamespace: 'shop', K8sPodName: 'web-1' })],
    [key('10.2.0.0/16'), ip('10.2.0.0', { Mask: '//8AAA==' })],
    [key('10.1.0.3'), ip('10.1.0.4')],
    [key('10.1.0.5'), Buffer.from('nonsense')],
    ['cilium/cache/nodes/v1/east/n1', Buffer.from(JSON.stringify(node))],
  ]);
  const asked = [...values.keys(), key('10.1.0.6'), 'cilium/cache/nodes/v1/east/gone', key('nobody')];
  const changes = describeKeys(asked, (name) => values.get(name));
  expect(changes.addresses.map(({ prefix, pod, host, identity }) => [prefix, pod, host, identity])).toEqual([
    ['10.1.0.1/32', 'shop/web-1', '192.168.1.9', 131_073],
    ['10.2.0.0/16', undefined, '192.168.1.9', 131_073],
  ]);
  expect(changes.removed.map(({ prefix }) => prefix)).toEqual(['10.1.0.3/32', '10.1.0.5/32', '10.1.0.6/32']);
  expect(changes.nodes).toEqual([{ cluster: 'east', name: 'n1', addresses: ['192.168.1.9'] }]);
  expect(changes.removedNodes).toEqual([{ cluster: 'east', name: 'gone' }]);
});

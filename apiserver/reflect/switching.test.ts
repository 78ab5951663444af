// Given a peer that is upgraded and downgraded while its service is used, when its link goes from whole services to pieces and back,
// then no backend of it is missing from any snapshot in between. Link, admission, reflector and view are the real ones; both
// etcds are in memory.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ClusterId, IpAddress } from '../../mesh/model/names.ts';
import { serviceKey } from '../../mesh/model/names.ts';
import { cardKey, encodeCard, SERVICE_PIECES } from '../../mesh/wire/card.ts';
import { type ClusterServiceRecord, clusterServiceKey, clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { encodeLocalService, localServiceKey } from '../../mesh/wire/local-service.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { splitService } from '../../mesh/wire/service-pieces.ts';
import { serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { cacheSyncedKey, HEARTBEAT_KEY, syncedKey } from '../../mesh/wire/synced.ts';
import { systemClock } from '../../runtime/clock.ts';
import { Gate } from '../../runtime/gate.ts';
import { silentLog } from '../../runtime/log.ts';
import { seededRandom } from '../../runtime/random.ts';
import { Turns } from '../../runtime/turns.ts';
import { named, sampleCard } from '../../test/samples/mesh.ts';
import { AdmissionEngine } from '../admission/engine.ts';
import { PeerLink } from '../peers/link.ts';
import { peerKeys } from '../peers/peer-keys.ts';
import { MemoryStore } from '../store/memory-store.ts';
import type { Write } from '../store/port.ts';
import { createView } from '../view/view.ts';
import { Reflector } from './reflector.ts';

const [west, east] = [named('west'), named('east')];
const echo = serviceKey('prod', 'echo');
const FENCE = { key: 'clustermesh/v1/election/writer', modRevision: 0 };
const LIMITS = { ageingMs: 10_000, staleMs: 60_000, expiredMs: 900_000 };
const WHOLE_COPY = 'cilium/cache/services/v1/east/prod/echo';

let peer: MemoryStore;
let own: MemoryStore;
let stop: AbortController;
/** How many backends of the service each snapshot had, since there were any. */
let seen: number[];
let view: ReturnType<typeof createView>;
let link: PeerLink;

const put = (key: string, value: Uint8Array | string): Write => ({ type: 'put', key, value: Buffer.from(value) });
const card = (capabilities: readonly string[]) =>
  put(cardKey(east), encodeCard({ ...sampleCard({ name: 'east', id: 2, joinedDay: 1 }), capabilities }));

function service(count: number): ClusterServiceRecord {
  const ports = { http: { Protocol: 'TCP', Port: 8080 } };
  return {
    ...{ cluster: 'east', namespace: 'prod', name: 'echo', clusterID: 2, labels: {}, selector: {} },
    ...{ includeExternal: false, shared: true, frontends: { '10.96.0.1': { http: { Protocol: 'TCP', Port: 80 } } } },
    backends: Object.fromEntries(Array.from({ length: count }, (_, at) => [`10.2.${at >> 8}.${at & 255}`, ports])),
  };
}

const whole = (count: number) => put(clusterServiceKey(east, echo), clusterServiceKind.encode(service(count)));

function pieces(count: number): readonly Write[] {
  const { head, slices } = splitService(service(count), (_, at) => `echo-${Math.floor(at / 100)}`);
  return [
    ...slices.map((slice) =>
      put(serviceSliceKey(east, { service: echo, slice: slice.slice }), serviceSliceKind.encode(slice)),
    ),
    put(serviceHeadKey(east, echo), serviceHeadKind.encode(head)),
  ];
}

const PIECES_SYNCED = [syncedKey(east, 'slices'), syncedKey(east, 'heads')];

beforeEach(async () => {
  [peer, own, stop, seen] = [new MemoryStore(), new MemoryStore(), new AbortController(), []];
  const clock = systemClock;
  const admission = new AdmissionEngine({ local: west, clock });
  view = createView({ cluster: { name: west, id: 1 as ClusterId }, clock, log: silentLog });
  view.subscribe((next) => {
    const count = next.services.get(echo)?.backends.length ?? 0;
    if (count > 0 || seen.length > 0) seen.push(count);
  });
  const mirror = own.createMirror({
    prefixes: ['cilium/', 'clustermesh/'],
    spanning: true,
    observer: {
      onBatch(batch) {
        view.onBatch(batch);
        reflector.onOwnBatch(batch);
      },
    },
  });
  const reflector = new Reflector({
    self: west,
    store: own,
    observed: mirror.entries,
    peers: {
      known: true,
      names: () => [east],
      peer: () => ({
        record: { name: east, freshness: 'fresh', synced: link.state.synced },
        admitted: admission.admitted(east),
        quarantined: admission.encodedQuarantine(east),
        pieces: (key) => admission.admittedPieces(east, key),
        inPieces: link.state.inPieces,
        config: undefined,
        card: undefined,
        complete: link.state.synced,
      }),
    },
    ...{ clock, random: seededRandom(1), log: silentLog },
  });
  admission.onChange((name, keys) => reflector.onRecords(name, keys));
  link = new PeerLink({
    spec: { name: east, endpoints: ['https://127.0.0.1:1'], ca: [], serverName: 'east.mesh.cilium.io' },
    openDoor: async () => ({
      store: peer,
      mirror: (prefixes, observer) => peer.createMirror({ prefixes, observer }),
      close() {},
    }),
    intake: admission,
    limits: { card: LIMITS, plain: LIMITS },
    ...{ clock, random: seededRandom(1), log: silentLog },
    turns: new Turns(clock),
    gate: new Gate(clock, 1),
    onChange: () => reflector.onPeer(east),
  });
  await own.transact([
    put(
      localServiceKey(echo),
      encodeLocalService({
        ...{ key: echo, frontends: ['10.96.0.9' as IpAddress], global: true, shared: true, affinity: 'none' },
        ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
        ...{ backends: [], labels: {}, selector: {} },
      }),
    ),
  ]);
  await peer.transact([put(HEARTBEAT_KEY, 'now'), ...peerKeys(east).canaries.map((key) => put(key, 'now'))]);
  void mirror.run(stop.signal);
  void reflector.lead(stop.signal, FENCE);
});
afterEach(() => stop.abort());

const has = async (key: string) => (await own.get(key)) !== undefined;
const copiesOfPieces = async () => {
  let count = 0;
  for await (const { entries } of own.list('clustermesh/v1/cache/')) count += entries.length;
  return count;
};
const canary = cacheSyncedKey(east, 'heads');
const wholeCopy = async () => {
  const found = await own.get(WHOLE_COPY);
  const read = found && clusterServiceKind.decode(found.value);
  return read?.ok === true ? Object.keys(read.value.backends).length : 0;
};

test('no backend goes while a peer is upgraded, used in pieces, and downgraded', async () => {
  await peer.transact([card([]), whole(250)]);
  void link.run(stop.signal);
  await vi.waitFor(() => expect(seen.at(-1)).toBe(250));
  expect(await has(canary)).toBe(false);

  // Upgraded: the card says it at once, the pieces come one after the other, and only then the canaries.
  await peer.transact([card([SERVICE_PIECES]), ...pieces(250).slice(0, 2)]);
  await peer.transact(pieces(250));
  await peer.transact([...PIECES_SYNCED.map((key) => put(key, 'now'))]);
  await peer.transact([card([SERVICE_PIECES])]);
  await vi.waitFor(async () => expect(await has(canary)).toBe(true), { timeout: 5_000 });
  expect(link.state).toMatchObject({ inPieces: true, synced: true });

  // Used: the pieces come at once, the copy for Cilium's readers when it may.
  await peer.transact(pieces(251));
  await vi.waitFor(() => expect(seen.at(-1)).toBe(251));
  await peer.transact(pieces(252));
  await vi.waitFor(() => expect(seen.at(-1)).toBe(252));
  await vi.waitFor(async () => expect(await wholeCopy()).toBe(252), { timeout: 5_000 });

  // Downgraded: the older version writes its card and the whole service, and the pieces end with their leases.
  await peer.transact([card([]), whole(252)]);
  await vi.waitFor(async () => expect(await copiesOfPieces()).toBe(0), { timeout: 5_000 });
  expect(await has(canary)).toBe(false);
  await peer.transact([whole(253)]);
  await vi.waitFor(() => expect(seen.at(-1)).toBe(253));
  expect(Math.min(...seen)).toBe(250);
});

test('a slice that goes takes its backends with it, and a service its copies', async () => {
  await peer.transact([card([SERVICE_PIECES]), ...pieces(150), ...PIECES_SYNCED.map((key) => put(key, 'now'))]);
  void link.run(stop.signal);
  await vi.waitFor(() => expect(seen.at(-1)).toBe(150));
  await vi.waitFor(async () => expect(await wholeCopy()).toBe(150));
  await peer.transact([{ type: 'delete', key: serviceSliceKey(east, { service: echo, slice: 'echo-1' }) }]);
  await vi.waitFor(() => expect(seen.at(-1)).toBe(100));
  await peer.transact([
    { type: 'delete', key: serviceHeadKey(east, echo) },
    { type: 'delete', key: serviceSliceKey(east, { service: echo, slice: 'echo-0' }) },
  ]);
  await vi.waitFor(async () => expect([await has(WHOLE_COPY), await copiesOfPieces()]).toEqual([false, 0]));
  expect(seen.at(-1)).toBe(0);
});

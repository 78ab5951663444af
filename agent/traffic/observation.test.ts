// Given programs that tell events while leased, what observers get, and that the lease lasts as long as they do.

import { beforeEach, expect, test } from 'vitest';
import type { ClusterId, ClusterName, ServiceKey } from '../../mesh/model/names.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import type { FrontendName } from '../desired/names.ts';
import { TRAFFIC_EVENT } from '../maps/structs.ts';
import type { MissedDocument, TrafficEventDocument } from './document.ts';
import { Observation } from './observation.ts';
import type { EventLease, MissedEvents, ServiceCounts, Traffic } from './port.ts';

const FRONTEND = '172.20.0.10:80/TCP' as FrontendName;
const REFUSED = { 'no-backends': 0, 'no-slot': 0, 'no-memory': 0 };

class FakeTraffic implements Traffic {
  readonly cpus = 1;
  readonly ring: Uint8Array[] = [];
  readonly rows = new Map<number, ServiceCounts>();
  leased: EventLease | undefined;
  leases = 0;
  gone: MissedEvents = { limited: 0, lost: 0 };

  lease(lease: EventLease | undefined): void {
    this.leased = lease;
    this.leases += 1;
  }
  nowNs = () => 0n;
  take = (max: number) => this.ring.splice(0, max);
  missed = () => this.gone;
  counts = async () => this.rows;
  forgetCounts = async (ids: readonly number[]) => ids.forEach((id) => void this.rows.delete(id));
}

let traffic: FakeTraffic;
let clock: ManualClock;
let seen: TrafficEventDocument[];
let missed: MissedDocument[];

beforeEach(() => {
  traffic = new FakeTraffic();
  clock = new ManualClock();
  seen = [];
  missed = [];
});

const observer = (refusedOnly = false) => ({
  refusedOnly,
  events: (events: readonly TrafficEventDocument[]) => void seen.push(...events),
  missed: (news: MissedDocument) => void missed.push(news),
});

function observation(always = false): Observation {
  const names = {
    node: 'w1',
    clusters: new Map([['east' as ClusterName, 2 as ClusterId]]),
    peerOf: () => undefined,
    serviceOf: (name: FrontendName) => (name === FRONTEND ? ('shop/cart' as ServiceKey) : undefined),
    frontends: () => new Map([[7, FRONTEND]]),
  };
  const settings = { always, sampleEvery: 3, perSecond: 10 };
  const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
  return new Observation({ traffic, names, settings, clock, nextTurn, log: silentLog });
}

/** Runs it until nothing is left to do, then lets `test` look, and stops it. */
async function running(observation: Observation, look: (turn: (ms?: number) => Promise<void>) => Promise<void>) {
  const stop = new AbortController();
  const run = observation.run(stop.signal);
  const turn = async (ms = 0) => {
    clock.advance(ms);
    for (let round = 0; round < 20; round += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  await turn();
  await look(turn);
  stop.abort();
  await run;
}

function reached(clusterId: number): Uint8Array {
  const bytes = new Uint8Array(TRAFFIC_EVENT.size);
  const { family, protocol, service_address, service_port, backend_address, backend_port, cluster_id } =
    TRAFFIC_EVENT.offsets;
  bytes[family] = 4;
  bytes[protocol] = 6;
  bytes.set([172, 20, 0, 10], service_address);
  bytes.set([0, 80], service_port);
  bytes.set([10, 2, 0, 1], backend_address);
  bytes.set([0x1f, 0x90], backend_port);
  bytes[cluster_id] = clusterId;
  return bytes;
}

test('nobody observes: there is no lease, and the ring is not looked at', () =>
  running(observation(), async (turn) => {
    traffic.ring.push(reached(2));
    await turn(10_000);
    expect(traffic.leased).toBe(undefined);
    expect(traffic.ring).toHaveLength(1);
  }));

test('the lease is renewed while somebody observes, and ended with the last', () => {
  const observed = observation();
  return running(observed, async (turn) => {
    const stop = observed.observe(observer());
    await turn();
    expect(traffic.leased).toMatchObject({ sampleEvery: 3, perSecond: 10 });
    const before = traffic.leases;
    for (let second = 0; second < 5; second += 1) await turn(1_000);
    expect(traffic.leases - before).toBeGreaterThanOrEqual(4);
    stop();
    await turn();
    expect(traffic.leased).toBe(undefined);
  });
});

test('who only wants refusals costs no translations; another observer brings them back', () => {
  const observed = observation();
  return running(observed, async (turn) => {
    observed.observe(observer(true));
    await turn();
    expect(traffic.leased?.sampleEvery).toBe(0);
    observed.observe(observer());
    await turn();
    expect(traffic.leased?.sampleEvery).toBe(3);
  });
});

test('events come with names, all of them, however many there are; unreadable and lost ones are said', () => {
  const observed = observation();
  return running(observed, async (turn) => {
    observed.observe(observer());
    await turn();
    for (let index = 0; index < 450; index += 1) traffic.ring.push(reached(index === 0 ? 9 : 2));
    traffic.ring.push(new Uint8Array(3));
    traffic.gone = { limited: 5, lost: 1 };
    await turn(100);
    expect(seen).toHaveLength(450);
    expect(seen[0]?.backend?.cluster).toBe('#9');
    expect(seen[1]).toMatchObject({
      node: 'w1',
      service: 'shop/cart',
      frontend: '172.20.0.10:80',
      backend: { address: '10.2.0.1:8080', cluster: 'east' },
    });
    expect(missed).toEqual([{ limited: 5, lost: 1, unreadable: 1 }]);
    expect(observed.recent().events).toHaveLength(450);
  });
});

test('always: events are told without an observer, and the last thousand are kept', () => {
  const observed = observation(true);
  return running(observed, async (turn) => {
    for (let index = 0; index < 1_200; index += 1) traffic.ring.push(reached(2));
    await turn(100);
    expect(observed.recent()).toMatchObject({ listening: true });
    expect(observed.recent().events).toHaveLength(1_000);
  });
});

test('counters have names; those of a service that is gone are forgotten', () => {
  const observed = observation();
  traffic.rows.set(7, { translated: 3, refused: REFUSED });
  traffic.rows.set(8, { translated: 1, refused: REFUSED });
  return running(observed, async () => {
    expect([...traffic.rows.keys()]).toEqual([7]);
    expect((await observed.counters()).services).toEqual([
      { service: 'shop/cart', frontend: FRONTEND, translated: 3, refused: REFUSED },
    ]);
  });
});

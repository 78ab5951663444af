// Which sockets are closed, told from what the maps hold and what is desired: a reconciler on maps in memory, and sockets that
// the test makes up. Given sockets, when backends come and go, then exactly those of withdrawn backends are gone.

import { beforeEach, expect, test, vi } from 'vitest';
import type { IpAddress } from '../../mesh/model/names.ts';
import type { Backend } from '../../mesh/model/service.ts';
import { OperationalError } from '../../runtime/errors.ts';
import { silentLog } from '../../runtime/log.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { seededRandom } from '../../runtime/random.ts';
import { backend, port, service } from '../desired/sample.ts';
import { MemoryMaps } from '../maps/memory.ts';
import { Rig } from '../reconcile/rig.ts';
import { SocketCloser } from './closer.ts';
import type { ConnectedSocket, NamespaceDoor, SocketPlace, SocketProtocol } from './port.ts';

const place = (address: string, port: number): SocketPlace => ({ address: address as IpAddress, port });
const DNS = place('172.20.0.10', 53);
const dns = (...backends: readonly Backend[]) =>
  service({ key: 'shop/dns', ports: [port(53, '', 'UDP'), port(53, 'tcp')], backends });
const at = (address: string, options: Parameters<typeof backend>[1] = {}) =>
  backend(address, { ports: [port(5353, '', 'UDP'), port(5353, 'tcp')], ...options });

interface World {
  /** By namespace. */
  readonly sockets: Map<number, ConnectedSocket[]>;
  readonly dialled: Map<bigint, SocketPlace>;
  readonly denied: Set<number>;
  unsupported: boolean;
}

let world: World;
let rig: Rig;
let closer: SocketCloser;
let clock: ManualClock;
let cookies: bigint;

const door = (id: number): NamespaceDoor => ({
  id,
  open: () => {
    if (world.denied.has(id))
      throw new OperationalError({ code: 'SOCKETS_NAMESPACE_CLOSED', operation: 'enter', reason: 'EPERM' });
    return {
      *list(family, protocol) {
        for (const socket of world.sockets.get(id) ?? [])
          if (socket.family === family && socket.protocol === protocol) yield [socket];
      },
      destroy: ({ cookie }) => {
        if (world.unsupported) return { errno: 95 };
        const own = world.sockets.get(id) ?? [];
        const index = own.findIndex((socket) => socket.cookie === cookie);
        if (index < 0) return 'gone';
        own.splice(index, 1);
        return 'destroyed';
      },
      close: () => {},
    };
  },
});

function connect(namespace: number, peer: string, service: SocketPlace | undefined, protocol: SocketProtocol = 'UDP') {
  const cookie = ++cookies;
  if (service !== undefined) world.dialled.set(cookie, service);
  const socket: ConnectedSocket = { family: 4, protocol, id: new Uint8Array(48), cookie, peer: place(peer, 5353) };
  world.sockets.set(namespace, [...(world.sockets.get(namespace) ?? []), socket]);
}

const left = () =>
  [...world.sockets].flatMap(([id, sockets]) => sockets.map((each) => `${id} ${each.protocol} ${each.peer.address}`));

function start(protocols: readonly SocketProtocol[] = ['UDP']): void {
  closer = new SocketCloser({
    sockets: { namespaces: async () => ({ doors: [...world.sockets.keys()].map(door), hiddenProcesses: 0 }) },
    dialled: { serviceOf: ({ cookie }) => world.dialled.get(cookie) },
    standing: () => {
      const { image, departures } = rig.reconciler;
      return image && { mark: departures, image, wanted: (name) => rig.desired.wanted(name) };
    },
    protocols,
    clock,
    random: seededRandom(1),
    pause: () => undefined,
    log: silentLog,
  });
  const stop = new AbortController();
  const running = closer.run(stop.signal);
  onStop = async () => {
    stop.abort();
    await running;
  };
}

let onStop: () => Promise<void>;

/** Until nothing is left to do at this time or within the pauses of a closer. */
async function settle(): Promise<void> {
  closer.look();
  for (let round = 0; round < 10; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1_000);
    closer.look();
  }
}

beforeEach(() => {
  cookies = 0n;
  world = { sockets: new Map([[1, []]]), dialled: new Map(), denied: new Set(), unsupported: false };
  rig = new Rig(new MemoryMaps());
  clock = new ManualClock();
  return () => onStop();
});

test('sockets of a withdrawn backend are closed in every namespace; those of others, and those that nobody led there, are not', async () => {
  await rig.apply([dns(at('10.1.0.1'), at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  connect(1, '10.1.0.2', DNS);
  connect(1, '10.1.0.1', undefined);
  connect(2, '10.1.0.1', DNS);
  connect(2, '10.1.0.1', DNS, 'TCP');
  start();
  await settle();
  expect(closer.report.destroyed).toEqual({ UDP: 0, TCP: 0 });

  await rig.apply([dns(at('10.1.0.2'))]);
  await rig.settle();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.2', '1 UDP 10.1.0.1', '2 TCP 10.1.0.1']);
  expect(closer.report).toMatchObject({ destroyed: { UDP: 2, TCP: 0 }, failed: 0, namespaces: 2, unreachable: 0 });
});

test('TCP where it is asked for', async () => {
  await rig.apply([dns(at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS, 'TCP');
  connect(1, '10.1.0.2', DNS, 'TCP');
  start(['UDP', 'TCP']);
  await settle();
  expect(left()).toEqual(['1 TCP 10.1.0.2']);
});

test('a terminating backend keeps its sockets', async () => {
  await rig.apply([dns(at('10.1.0.1', { state: 'terminating' }), at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  start();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.1']);
});

test('a service that does not fit the maps keeps its sockets; one that is gone does not', async () => {
  rig = new Rig(new MemoryMaps({ sizes: { services: 1 } }));
  await rig.apply([dns(at('10.1.0.1'))]);
  expect(rig.desired.refusals().length).toBe(1);
  connect(1, '10.1.0.1', DNS);
  start();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.1']);
  await rig.apply([]);
  clock.advance(300_000);
  await settle();
  expect(left()).toEqual([]);
});

test('as long as a slot leads to it, a backend is not withdrawn', async () => {
  await rig.apply([dns(at('10.1.0.1'), at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  await rig.want([dns(at('10.1.0.2'))]);
  start();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.1']);
  await rig.pass();
  await rig.settle();
  await settle();
  expect(left()).toEqual([]);
});

test('a backend that comes during a sweep keeps the sockets that it already has', async () => {
  await rig.apply([dns(at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  const served = vi.spyOn(world.dialled, 'get').mockImplementation((cookie) => {
    // Between the judgement of the list and the closing.
    queueMicrotask(() => void rig.apply([dns(at('10.1.0.1'), at('10.1.0.2'))]));
    served.mockRestore();
    return world.dialled.get(cookie);
  });
  start();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.1']);
});

test('a namespace that cannot be entered is told, and does not keep the others', async () => {
  await rig.apply([dns(at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  connect(2, '10.1.0.1', DNS);
  world.denied.add(1);
  start();
  await settle();
  expect(left()).toEqual(['1 UDP 10.1.0.1']);
  expect(closer.report).toMatchObject({
    namespaces: 2,
    unreachable: 1,
    lastError: expect.stringContaining('namespace 1'),
  });

  world.denied.clear();
  clock.advance(300_000);
  await settle();
  expect(left()).toEqual([]);
  expect(closer.report).toMatchObject({ unreachable: 0, lastError: undefined });
});

test('a kernel that closes none is not asked again', async () => {
  await rig.apply([dns(at('10.1.0.2'))]);
  connect(1, '10.1.0.1', DNS);
  connect(1, '10.1.0.1', DNS);
  world.unsupported = true;
  start();
  await settle();
  expect(closer.report).toMatchObject({ destroyed: { UDP: 0 }, failed: 1 });
});

test('nothing is looked at while nothing is withdrawn', async () => {
  await rig.apply([dns(at('10.1.0.1'))]);
  start();
  await settle();
  const { sweeps } = closer.report;
  await rig.apply([dns(at('10.1.0.1'), at('10.1.0.2'))]);
  await settle();
  expect(closer.report.sweeps).toBe(sweeps);
});

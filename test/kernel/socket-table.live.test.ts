// What a socket meets, as a table: which call to which address, port and protocol, from a socket of which family, reaches which
// backend, or fails with which errno, and whom the socket then takes for its peer. Real sockets in a namespace of their own. Needs root,
// clang, make, iproute2 and a cgroup2 mount.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Client, makeRoom, type Room, skipped } from './room.ts';
import { type TestService, writeBackend, writeService } from './rows.ts';

const VIP = '172.20.0.10';
const VIP6 = 'fd00:20::10';
const MAPPED = `::ffff:${VIP}`;
const ONE = '10.1.0.1';
const ONE6 = 'fd00:1::1';

const SERVICES: readonly TestService[] = [
  { address: VIP, port: 80, protocol: 'TCP', revNatId: 1, backends: [1] },
  { address: VIP, port: 53, protocol: 'UDP', revNatId: 2, backends: [1] },
  { address: VIP, port: 53, protocol: 'TCP', revNatId: 3, backends: [2] },
  { address: VIP, port: 81, protocol: 'TCP', revNatId: 4, backends: [] },
  { address: VIP, port: 81, protocol: 'UDP', revNatId: 5, backends: [] },
  { address: VIP, port: 82, protocol: 'TCP', revNatId: 6, backends: [999] },
  { address: VIP, port: 82, protocol: 'UDP', revNatId: 7, backends: [999] },
  { address: VIP, port: 83, protocol: 'TCP', revNatId: 8, backends: [], count: 2 },
  { address: VIP, port: 84, protocol: 'TCP', revNatId: 9, backends: [3] },
  { address: VIP6, port: 80, protocol: 'TCP', revNatId: 11, backends: [11] },
  { address: VIP6, port: 53, protocol: 'UDP', revNatId: 12, backends: [11] },
  { address: VIP6, port: 81, protocol: 'TCP', revNatId: 13, backends: [] },
  { address: VIP6, port: 81, protocol: 'UDP', revNatId: 14, backends: [] },
  { address: VIP6, port: 82, protocol: 'TCP', revNatId: 15, backends: [1] },
  { address: VIP6, port: 83, protocol: 'UDP', revNatId: 16, backends: [], count: 2 },
];

const ECONNREFUSED = 'ECONNREFUSED';
const ENETUNREACH = 'ENETUNREACH';
/** EHOSTUNREACH, or EPERM on a kernel that lets no program choose. */
const REJECTED = 'rejected';
const ERRNO: Readonly<Record<string, number>> = { ECONNREFUSED: 111, ENETUNREACH: 101 };

type Call = 'connect' | 'sendto';
interface Row {
  readonly what: string;
  readonly socket: 'tcp4' | 'tcp6' | 'udp4' | 'udp6';
  readonly call: Call;
  readonly to: readonly [string, number];
  /** The backend that answers, or how the call fails. */
  readonly reaches: string;
}

const B = `${ONE}:8080`;
const B6 = `[${ONE6}]:8080`;
const row = (what: string, socket: Row['socket'], call: Call, to: Row['to'], reaches: string): Row => ({
  what,
  socket,
  call,
  to,
  reaches,
});

const ROWS: readonly Row[] = [
  row('a service', 'tcp4', 'connect', [VIP, 80], B),
  row('a service', 'udp4', 'connect', [VIP, 53], B),
  row('a service', 'udp4', 'sendto', [VIP, 53], B),
  row('a service', 'tcp6', 'connect', [VIP6, 80], B6),
  row('a service', 'udp6', 'connect', [VIP6, 53], B6),
  row('a service', 'udp6', 'sendto', [VIP6, 53], B6),
  row('an IPv4 service from a socket of both families', 'tcp6', 'connect', [MAPPED, 80], B),
  row('an IPv4 service from a socket of both families', 'udp6', 'connect', [MAPPED, 53], B),
  row('an IPv4 service from a socket of both families', 'udp6', 'sendto', [MAPPED, 53], B),
  row('the port of another protocol that has the same number', 'tcp4', 'connect', [VIP, 53], `10.1.0.2:8080`),
  row('a backend itself', 'tcp4', 'connect', [ONE, 8080], B),
  row('a backend itself', 'udp4', 'connect', [ONE, 8080], B),
  row('a backend itself', 'udp4', 'sendto', [ONE, 8080], B),
  row('a backend itself', 'tcp6', 'connect', [ONE6, 8080], B6),
  row('a backend itself', 'udp6', 'sendto', [ONE6, 8080], B6),
  row('a backend itself', 'tcp6', 'connect', [`::ffff:${ONE}`, 8080], B),
  row('a port of the service that is none', 'tcp4', 'connect', [VIP, 443], ENETUNREACH),
  row('a port of the service that is none', 'udp4', 'sendto', [VIP, 443], ENETUNREACH),
  row('a port of the service that is none', 'tcp6', 'connect', [VIP6, 443], ENETUNREACH),
  row('a port of the service that is none', 'tcp6', 'connect', [MAPPED, 443], ENETUNREACH),
  row('the protocol that the port is not for', 'udp4', 'connect', [VIP, 80], ENETUNREACH),
  row('the protocol that the port is not for', 'tcp6', 'connect', [VIP6, 53], ENETUNREACH),
  row('no backend', 'tcp4', 'connect', [VIP, 81], REJECTED),
  row('no backend', 'udp4', 'connect', [VIP, 81], REJECTED),
  row('no backend', 'udp4', 'sendto', [VIP, 81], REJECTED),
  row('no backend', 'tcp6', 'connect', [VIP6, 81], REJECTED),
  row('no backend', 'udp6', 'connect', [VIP6, 81], REJECTED),
  row('no backend', 'udp6', 'sendto', [VIP6, 81], REJECTED),
  row('no backend', 'tcp6', 'connect', [MAPPED, 81], REJECTED),
  row('no backend', 'udp6', 'sendto', [MAPPED, 81], REJECTED),
  row('a backend whose row is missing', 'tcp4', 'connect', [VIP, 82], REJECTED),
  row('a backend whose row is missing', 'udp4', 'sendto', [VIP, 82], REJECTED),
  row('a backend whose row is of the other family', 'tcp6', 'connect', [VIP6, 82], REJECTED),
  row('slots that are missing', 'tcp4', 'connect', [VIP, 83], REJECTED),
  row('slots that are missing', 'udp6', 'sendto', [VIP6, 83], REJECTED),
  row('a backend where nobody listens', 'tcp4', 'connect', [VIP, 84], ECONNREFUSED),
];

describe.skipIf(skipped)('sockets, call by call', () => {
  let room: Room;
  let maps: Datapath;
  let client: Client;

  beforeAll(async () => {
    room = await makeRoom(ONE, '10.1.0.2', ONE6);
    await room.startBackends(B, '10.1.0.2:8080', B6);
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 256, backends: 256, reverseNat: 256, reverseSockets: 256 },
      objectPath: room.objectPath,
      log: silentLog,
    });
    await writeBackend(maps, 1, ONE, 8080);
    await writeBackend(maps, 2, '10.1.0.2', 8080);
    await writeBackend(maps, 3, ONE, 9);
    await writeBackend(maps, 11, ONE6, 8080);
    for (const service of SERVICES) await writeService(maps, service);
    client = await room.startClient();
  });
  afterAll(async () => {
    maps?.close();
    await room?.remove();
  });

  test.each(ROWS)('$socket $call to $what, $to: $reaches', async ({ socket, call, to, reaches }) => {
    const [address, port] = to;
    const [kind, family] = [socket.slice(0, 3), socket.slice(3)];
    await client.ask(`open ${kind} ${family}`);
    const called = await client.ask(`${call} ${address} ${port}${call === 'sendto' ? ' hello' : ''}`);
    const failure = reaches === REJECTED ? (maps.rejectsWith === 'EPERM' ? 1 : 113) : ERRNO[reaches];
    if (failure !== undefined) expect(called).toBe(`error ${failure}`);
    else {
      expect(called).toBe('ok');
      if (call === 'connect') expect(await client.ask('peer')).toBe(`ok ${address} ${port}`);
      if (kind === 'udp' && call === 'connect') await client.ask('send hello');
      // A TCP connection has no sender; of a datagram it is the service.
      const from = kind === 'udp' ? ` from ${address} ${port}` : '';
      expect(await client.ask('recv')).toContain(`ok ${reaches}${from}`);
    }
    await client.ask('close');
  });
});

// Given a program that connects as fast as it can, when the agent rewrites the service behind it all the time (shrinks and grows it,
// replaces all backends, lets some terminate), then no connect is refused, and each reaches a backend that was desired while it was
// made. Needs root, clang, make, iproute2 and a cgroup2 mount. `npm run test:atomic` does it a million times.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Datapath, openDatapath } from '../../agent/datapath/index.ts';
import { backend, port, service } from '../../agent/desired/sample.ts';
import { Rig } from '../../agent/reconcile/rig.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { silentLog } from '../../runtime/log.ts';
import { type Random, seededRandom } from '../../runtime/random.ts';
import { makeRoom, type Room, skipped } from './room.ts';

const VIP = '172.20.0.10';
const ADDRESSES = Array.from({ length: 16 }, (_, index) => `10.1.0.${index + 1}`);
/** Of each protocol. */
const CONNECTS = Number(process.env.CLUSTERMESH_TEST_CONNECTS ?? 30_000);
/** struct record in hammer.c. */
const RECORD_BYTES = 24;

type Backends = ReadonlyMap<string, BackendState>;

/** The next backends after those: one of the ways in which a service changes. */
const CHANGES: readonly ((before: Backends, random: Random) => Backends)[] = [
  () => all(ADDRESSES),
  (before) => all([...before.keys()].slice(0, 1)),
  (before, random) => all([...before.keys()].filter((_, index) => index === 0 || random.next() < 0.5)),
  (before, random) => all([...before.keys(), ...ADDRESSES.filter(() => random.next() < 0.5)]),
  (before) => all(others(before)),
  (before) => all([...before.keys()].reverse()),
  (before) => new Map([...before, ...others(before).map((address) => [address, 'terminating'] as const)]),
  (before) => new Map([...[...before.keys()].map((at) => [at, 'terminating'] as const), ...all(others(before))]),
];

const all = (addresses: readonly string[]): Backends => new Map(addresses.map((address) => [address, 'active']));

/** None of them; the first, where these are all. */
function others(before: Backends): readonly string[] {
  const rest = ADDRESSES.filter((address) => !before.has(address));
  return rest.length > 0 ? rest : ADDRESSES.slice(0, 1);
}

/** What new connections may reach, from when its first row may be there until its last row is gone. */
interface Period {
  readonly from: bigint;
  until: bigint;
  readonly reachable: ReadonlySet<string>;
}

function reachable(backends: Backends): ReadonlySet<string> {
  const active = [...backends].filter(([, state]) => state === 'active').map(([address]) => address);
  return new Set(active.length > 0 ? active : backends.keys());
}

describe.skipIf(skipped)('atomic to readers', () => {
  let room: Room;
  let maps: Datapath;
  beforeEach(async () => {
    room = await makeRoom(...ADDRESSES);
    await room.startBackends(...ADDRESSES.map((address) => `${address}:8080`));
    maps = await openDatapath({
      pinDir: `${room.bpffs}/node`,
      cgroup: room.cgroup,
      sizes: { services: 256, backends: 256, reverseNat: 256 },
      objectPath: room.objectPath,
      log: silentLog,
    });
  });
  afterEach(async () => {
    maps?.close();
    await room?.remove();
  });

  test.each(['tcp', 'udp'] as const)(
    `${CONNECTS} connects by %s: none refused, none misled`,
    async (protocol) => {
      const seed = Date.now() % 1_000_000;
      const random = seededRandom(seed);
      const rig = new Rig(maps);
      const periods: Period[] = [];
      let movedAt = performance.now();
      let backends = all(ADDRESSES);
      const program = async () => {
        const from = process.hrtime.bigint();
        const ports = [port(8080), port(8080, 'u', 'UDP')];
        await rig.want([
          service({
            frontends: [VIP],
            ports: [port(80), port(80, 'u', 'UDP')],
            backends: [...backends].map(([address, state]) => backend(address, { state, ports })),
          }),
        ]);
        rig.clock.advance(performance.now() - movedAt);
        movedAt = performance.now();
        const before = periods.at(-1);
        periods.push({ from, until: 2n ** 62n, reachable: reachable(backends) });
        await rig.pass();
        if (before !== undefined) before.until = process.hrtime.bigint();
      };

      await program();
      const file = join(room.dir, 'records');
      const hammer = { ended: false };
      const ended = room.run('hammer', protocol, VIP, '80', String(CONNECTS), file).then(() => {
        hammer.ended = true;
      });
      while (!hammer.ended) {
        backends = CHANGES[Math.floor(random.next() * CHANGES.length)]?.(backends, random) ?? backends;
        await program();
        await nextTurn();
      }
      await ended;

      const { refused, misled, connects } = judge(readFileSync(file), periods);
      expect({ connects, refused, misled }, `seed ${seed}, ${periods.length} states`).toEqual({
        connects: CONNECTS,
        refused: [],
        misled: [],
      });
      expect(periods.length).toBeGreaterThan(100);
    },
    600_000,
  );
});

function judge(records: Buffer, periods: readonly Period[]) {
  const refused: number[] = [];
  const misled: string[] = [];
  let first = 0;
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const start = records.readBigInt64LE(at);
    const end = records.readBigInt64LE(at + 8);
    const address = [...records.subarray(at + 16, at + 20)].reverse().join('.');
    const error = records.readUInt32LE(at + 20);
    if (error !== 0) {
      refused.push(error);
      continue;
    }
    // Records and periods are in the order of time.
    while ((periods[first]?.until ?? start) < start) first += 1;
    let fits = false;
    for (let index = first; !fits && (periods[index]?.from ?? end + 1n) <= end; index += 1) {
      fits = periods[index]?.reachable.has(address) === true;
    }
    if (!fits) misled.push(`${address} at ${start}`);
  }
  return { refused, misled, connects: records.length / RECORD_BYTES };
}

// Given any sequence of desired states, when readers look at the maps in between any two rows that are written, then none of
// them ever misses, and each is led to a backend of a state that was desired while it looked, or just before. A reader loads a
// master, then a slot, then a backend; each load may see a later moment than the one before, up to the readers' grace. This
// holds as well where the agent is killed and started again, where maps fail, and where they are barely large enough.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { familyOf } from '../../mesh/model/address.ts';
import type { ClusterId, IpAddress } from '../../mesh/model/names.ts';
import type { BackendState, MeshService } from '../../mesh/model/service.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { frontendName, type TargetName, targetName } from '../desired/names.ts';
import { backend, service } from '../desired/sample.ts';
import { backendKey, MASTER_SLOT, parseBackendValue, parseServiceValue, serviceKey } from '../maps/layout.ts';
import { MemoryMaps } from '../maps/memory.ts';
import type { MapName } from '../maps/port.ts';
import { READER_GRACE_MS } from './image.ts';
import { Rig } from './rig.ts';

/** The maps between two rows: since `at`, while `generation` was being programmed. */
interface Moment {
  readonly at: number;
  /** The last one that had been programmed whole. */
  readonly whole: number;
  readonly generation: number;
  readonly services: ReadonlyMap<string, Uint8Array>;
  readonly backends: ReadonlyMap<string, Uint8Array>;
}

/** A service with backends of both families behind each of them. */
const ADDRESSES = ['172.20.0.1', 'fd00::2'];
/** Keys tell the families apart: services' by their length, backends' by ids that no two have in common. */
const ROLES: Readonly<Partial<Record<MapName, 'services' | 'backends'>>> = {
  ...{ services: 'services', services6: 'services' },
  ...{ backends: 'backends', backends6: 'backends' },
};
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

class Film {
  readonly moments: Moment[] = [{ at: 0, whole: 0, generation: 0, services: new Map(), backends: new Map() }];
  generation = -1;
  whole = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  record(maps: MemoryMaps): void {
    maps.observer = (map, key, value) => {
      const last = this.moments.at(-1);
      const role = ROLES[map];
      if (last === undefined || role === undefined) return;
      const rows = new Map(last[role]);
      if (value === undefined) rows.delete(text(key));
      else rows.set(text(key), value.slice());
      const { whole, generation } = this;
      this.moments.push({ ...last, [role]: rows, at: this.#now(), whole, generation });
    };
  }

  /** Whether a reader that loaded the master at moment `first` may still be on its way at moment `last`. */
  reaches(first: number, last: number): boolean {
    const left = this.moments[first + 1]?.at ?? Number.POSITIVE_INFINITY;
    return first === last || (this.moments[last]?.at ?? 0) - left < READER_GRACE_MS;
  }
}

/** What every reader of one frontend can come across; throws at the first that misses or is misled. */
function followReaders(film: Film, address: string, allowed: readonly ReadonlySet<TargetName>[]): void {
  const frontend = { address: address as IpAddress, port: 80, protocol: 'TCP' as const };
  const rowOf = (moment: Moment, slot: number) => {
    const bytes = moment.services.get(text(serviceKey({ ...frontend, slot })));
    return bytes === undefined ? undefined : parseServiceValue(bytes);
  };
  const { moments } = film;
  for (const [first, start] of moments.entries()) {
    const count = rowOf(start, MASTER_SLOT)?.count ?? 0;
    for (let slot = 1; slot <= count; slot += 1) {
      for (let second = first; second < moments.length && film.reaches(first, second); second += 1) {
        const middle = moments[second] as Moment;
        const backendId = rowOf(middle, slot)?.backendId;
        const story = `${frontendName(frontend)}: count ${count} at ${first}, slot ${slot} at ${second}`;
        if (backendId === undefined) throw new Error(`${story}: the slot is missing`);
        for (let third = second; third < moments.length && film.reaches(first, third); third += 1) {
          const end = moments[third] as Moment;
          const row = end.backends.get(text(backendKey(backendId)));
          const found = row === undefined ? undefined : parseBackendValue(row);
          if (found === undefined) throw new Error(`${story}, backend ${backendId} at ${third}: it is missing`);
          const name = targetName({ ...found, clusterId: found.clusterId as ClusterId });
          const fits = allowed.slice(start.whole, end.generation + 1).some((set) => set.has(name));
          if (!fits) throw new Error(`${story}, backend ${backendId} at ${third}: ${name} was not desired then`);
        }
      }
    }
  }
}

const state = fc.constantFrom<BackendState>('active', 'active', 'active', 'terminating');
const backends = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 1, max: 10 }), state), { selector: ([last]) => last, maxLength: 6 })
  .map((chosen) =>
    chosen.map(([last, state]) => backend(last % 2 === 0 ? `10.1.0.${last}` : `fd00:1::${last}`, { state })),
  );
const services = fc
  .tuple(...ADDRESSES.map(() => fc.option(backends, { freq: 5 })))
  .map((all) =>
    all.flatMap((chosen, index) =>
      chosen === null ? [] : [service({ key: `shop/${index}`, frontends: [ADDRESSES[index] ?? ''], backends: chosen })],
    ),
  );
const pause = fc.constantFrom(0, 0, 1, READER_GRACE_MS / 2, READER_GRACE_MS - 1, READER_GRACE_MS, 3 * READER_GRACE_MS);
const disturbance = fc.option(
  fc.record({ type: fc.constantFrom('kill', 'MAP_FULL', 'MAP_FAILED'), row: fc.nat(30), rows: fc.nat(3) }),
  { freq: 2 },
);
const step = fc.record({ services, disturbance, pauses: fc.array(pause, { minLength: 1, maxLength: 3 }) });
const history = fc.array(step, { minLength: 2, maxLength: 6 });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function selectedOf(services: readonly MeshService[], address: string): ReadonlySet<TargetName> {
  const of = services.find(({ frontends }) => frontends.includes(address as IpAddress));
  const family = [...(of?.backends ?? [])].filter((b) => familyOf(b.address) === familyOf(address as IpAddress));
  const active = family.filter(({ state }) => state === 'active');
  const chosen = active.length > 0 ? active : family;
  return new Set(chosen.map((b) => targetName({ ...b, port: 8080, protocol: 'TCP' })));
}

class Killed extends Error {}

/** Fails `rows` rows from the given one on, or ends the process there. */
function disturb(maps: MemoryMaps, disturbance: Step['disturbance']): void {
  let row = 0;
  maps.fault = (operation) => {
    if (disturbance === null || operation === 'dump') return undefined;
    row += 1;
    if (row <= disturbance.row || row > disturbance.row + disturbance.rows + 1) return undefined;
    if (disturbance.type === 'kill') throw new Killed();
    if (disturbance.type === 'MAP_FULL' && operation === 'remove') return undefined;
    return { code: disturbance.type as 'MAP_FULL' | 'MAP_FAILED', reason: 'made to fail', errno: 7 };
  };
}

async function play(steps: readonly Step[], sizes: { readonly services: number; readonly backends: number }) {
  const clock = new ManualClock();
  const film = new Film(() => clock.monotonic());
  const { services: services6, backends: backends6 } = sizes;
  let maps = new MemoryMaps({ sizes: { ...sizes, services6, backends6 } });
  let rig = new Rig(maps, clock);
  film.record(maps);
  for (const [generation, { services, pauses, disturbance }] of steps.entries()) {
    film.generation = generation;
    await rig.want(services);
    disturb(maps, disturbance);
    for (const pauseMs of pauses) {
      try {
        const { complete } = await rig.pass();
        if (complete && rig.reconciler.refusals().length + rig.desired.refusals().length === 0) film.whole = generation;
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        maps = maps.reopen();
        film.record(maps);
        rig = new Rig(maps, clock);
        await rig.want(services);
      }
      clock.advance(pauseMs);
    }
    maps.fault = undefined;
  }
  await rig.settle();
  expect(await rig.differences()).toEqual([]);
  expect(rig.reconciler.refusals()).toEqual([]);
  for (const address of ADDRESSES) {
    const allowed = steps.map(({ services }) => selectedOf(services, address));
    followReaders(film, address, allowed);
  }
}

test('no reader ever misses or is misled', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(history, (steps) => play(steps, { services: 100, backends: 100 })),
    { numRuns: 200 },
  );
});

test('nor where the maps are barely large enough', { timeout: 60_000 }, async () => {
  const sizes = fc.record({ services: fc.integer({ min: 3, max: 16 }), backends: fc.integer({ min: 1, max: 7 }) });
  await fc.assert(fc.asyncProperty(history, sizes, play), { numRuns: 200 });
});

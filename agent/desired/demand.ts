// How many rows a set of frontends needs in each map. Targets are shared between frontends, so they are counted by their
// users; a shared target takes new connections as long as one of its users says so.

import type { Family } from '../../mesh/model/address.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { forEachMap, MAP_NAMES, type MapName, mapNameOf } from '../maps/port.ts';
import type { Counted } from './differing.ts';
import { NO_INDEX, type Target } from './targets.ts';

export type MapCounts = Readonly<Record<MapName, number>>;

/** What the row of a target says; of a target that is touched, also what it said before. */
const STATES: readonly (BackendState | undefined)[] = [undefined, 'active', 'terminating'];
const UNTOUCHED = 255;
const ROOM_AT_FIRST = 256;

export class Demand {
  /** By the targets' indexes. */
  #users = new Uint32Array(ROOM_AT_FIRST);
  #active = new Uint32Array(ROOM_AT_FIRST);
  /** Where it was touched since the last `takeChanged`: its state then, as a place in STATES. */
  #before = new Uint8Array(ROOM_AT_FIRST).fill(UNTOUCHED);
  #touched: Target[] = [];
  readonly #counts = forEachMap(() => 0);

  get counts(): MapCounts {
    return { ...this.#counts };
  }

  add(frontends: Iterable<Counted>): void {
    this.#count(frontends, 1);
  }

  /** Takes back what was added. */
  remove(frontends: Iterable<Counted>): void {
    this.#count(frontends, -1);
  }

  /** The map that would be too small if the frontends came in, if any. */
  overflow(frontends: Iterable<Counted>, sizes: MapCounts): MapName | undefined {
    const counts = this.#countsWith(frontends);
    if (!MAP_NAMES.some((map) => counts[map] > sizes[map])) return undefined;
    // Only now it matters that some of the targets have their rows already.
    const fresh = new Set<Target>();
    for (const { family, active, terminating } of frontends) {
      for (const target of [...active, ...terminating]) {
        if (this.#isUsed(target) || fresh.has(target)) counts[mapNameOf('backends', family)] -= 1;
        else fresh.add(target);
      }
    }
    return MAP_NAMES.find((map) => counts[map] > sizes[map]);
  }

  /** As if no target were shared. */
  #countsWith(frontends: Iterable<Counted>): Record<MapName, number> {
    const counts = forEachMap((map) => this.#counts[map]);
    for (const { family, active, terminating } of frontends) {
      const backends = active.length + terminating.length;
      counts[mapNameOf('reverseNat', family)] += 1;
      counts[mapNameOf('services', family)] += 1 + backends;
      counts[mapNameOf('backends', family)] += backends;
    }
    return counts;
  }

  /** What the target's row says; absent where nobody uses it. */
  state(target: Target): BackendState | undefined {
    return STATES[this.#stateAt(target.index)];
  }

  /** Targets whose state is another one than at the last call. */
  takeChanged(): Set<Target> {
    const changed = new Set<Target>();
    for (const target of this.#touched) {
      if (this.#before[target.index] !== this.#stateAt(target.index)) changed.add(target);
      this.#before[target.index] = UNTOUCHED;
    }
    this.#touched = [];
    return changed;
  }

  #isUsed({ index }: Target): boolean {
    return index !== NO_INDEX && (this.#users[index] ?? 0) > 0;
  }

  #stateAt(index: number): number {
    if (index === NO_INDEX || (this.#users[index] ?? 0) === 0) return 0;
    return (this.#active[index] ?? 0) > 0 ? 1 : 2;
  }

  #count(frontends: Iterable<Counted>, by: 1 | -1): void {
    for (const { family, active, terminating } of frontends) {
      this.#counts[mapNameOf('reverseNat', family)] += by;
      this.#counts[mapNameOf('services', family)] += by * (1 + active.length + terminating.length);
      for (const target of active) this.#use(target, family, true, by);
      for (const target of terminating) this.#use(target, family, false, by);
    }
  }

  #use(target: Target, family: Family, isActive: boolean, by: 1 | -1): void {
    const { index } = target;
    if (index >= this.#users.length) this.#grow(index);
    if (this.#before[index] === UNTOUCHED) {
      this.#before[index] = this.#stateAt(index);
      this.#touched.push(target);
    }
    const users = this.#users[index] ?? 0;
    this.#users[index] = users + by;
    if (isActive) this.#active[index] = (this.#active[index] ?? 0) + by;
    if (users === 0) this.#counts[mapNameOf('backends', family)] += 1;
    else if (users + by === 0) this.#counts[mapNameOf('backends', family)] -= 1;
  }

  #grow(index: number): void {
    const length = Math.max(index + 1, 2 * this.#users.length);
    const grown = <A extends Uint32Array | Uint8Array>(from: A, to: A): A => {
      to.set(from);
      return to;
    };
    this.#users = grown(this.#users, new Uint32Array(length));
    this.#active = grown(this.#active, new Uint32Array(length));
    this.#before = grown(this.#before, new Uint8Array(length).fill(UNTOUCHED));
  }
}

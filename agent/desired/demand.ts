// How many rows a set of frontends needs in each map. Targets are shared between frontends, so they are counted by their
// users; a shared target takes new connections as long as one of its users says so.

import type { Family } from '../../mesh/model/address.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { forEachMap, MAP_NAMES, type MapName, mapNameOf } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
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
  readonly #touched: Target[] = [];
  readonly #counts = forEachMap(() => 0);

  get counts(): MapCounts {
    return { ...this.#counts };
  }

  add(frontends: readonly Counted[]): void {
    this.#count(frontends, 1);
  }

  /** Takes back what was added. */
  remove(frontends: readonly Counted[]): void {
    this.#count(frontends, -1);
  }

  /** The map that would be too small if the frontends came in, if any. */
  overflow(frontends: readonly Counted[], sizes: MapCounts): MapName | undefined {
    if (this.#fitsUnshared(frontends, sizes)) return undefined;
    const counts = this.counts as Record<MapName, number>;
    const fresh = new Set<Target>();
    for (const { entrance, backends } of frontends) {
      const { family } = entrance;
      counts[mapNameOf('reverseNat', family)] += 1;
      counts[mapNameOf('services', family)] += 1 + backends.length;
      for (const target of backends) {
        if (this.#isUsed(target) || fresh.has(target)) continue;
        fresh.add(target);
        counts[mapNameOf('backends', family)] += 1;
      }
    }
    return MAP_NAMES.find((map) => counts[map] > sizes[map]);
  }

  /** Whether they fit even if they share no target with anybody, and all were of either family: most do. */
  #fitsUnshared(frontends: readonly Counted[], sizes: MapCounts): boolean {
    const reverse = frontends.length;
    let backends = 0;
    for (const frontend of frontends) backends += frontend.backends.length;
    const services = reverse + backends;
    const counts = this.#counts;
    return (
      counts.services + services <= sizes.services &&
      counts.services6 + services <= sizes.services6 &&
      counts.backends + backends <= sizes.backends &&
      counts.backends6 + backends <= sizes.backends6 &&
      counts.reverseNat + reverse <= sizes.reverseNat &&
      counts.reverseNat6 + reverse <= sizes.reverseNat6
    );
  }

  /** What the target's row says; absent where nobody uses it. */
  state(target: Target): BackendState | undefined {
    return STATES[this.#stateAt(target.index)];
  }

  /** Targets whose state is another one than at the last call, but for those that came and have no number yet. */
  async takeChanged(pause: Pause): Promise<Target[]> {
    const changed: Target[] = [];
    await visitAll(this.#touched.splice(0), pause, (target) => {
      if (this.#before[target.index] !== this.#stateAt(target.index)) changed.push(target);
      this.#before[target.index] = UNTOUCHED;
    });
    return changed;
  }

  #isUsed({ index }: Target): boolean {
    return index !== NO_INDEX && (this.#users[index] ?? 0) > 0;
  }

  #stateAt(index: number): number {
    if (index === NO_INDEX || (this.#users[index] ?? 0) === 0) return 0;
    return (this.#active[index] ?? 0) > 0 ? 1 : 2;
  }

  #count(frontends: readonly Counted[], by: 1 | -1): void {
    for (const { entrance, backends, active } of frontends) {
      const { family } = entrance;
      this.#counts[mapNameOf('reverseNat', family)] += by;
      this.#counts[mapNameOf('services', family)] += by * (1 + backends.length);
      let left = active;
      for (const target of backends) {
        this.#use(target, family, left > 0, by);
        left -= 1;
      }
    }
  }

  #use(target: Target, family: Family, isActive: boolean, by: 1 | -1): void {
    const { index } = target;
    if (index >= this.#users.length) this.#grow(index);
    const users = this.#users[index] ?? 0;
    // Most come for the first time: they have no row that could say something else.
    if (this.#before[index] === UNTOUCHED && (users > 0 || target.id !== 0)) {
      this.#before[index] = this.#stateAt(index);
      this.#touched.push(target);
    }
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

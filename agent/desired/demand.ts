// How many rows a set of frontends needs in each map. Targets are shared between frontends, so they are counted by their
// users; a shared target takes new connections as long as one of its users says so.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import { forEachMap, MAP_NAMES, type MapName, mapNameOf } from '../maps/port.ts';
import type { DesiredBackend, DesiredFrontend, TargetName } from './frontend.ts';

export type MapCounts = Readonly<Record<MapName, number>>;

interface TargetUse {
  readonly name: TargetName;
  readonly family: Family;
  users: number;
  active: number;
  /** At the last `takeChanged`, where it was touched since. */
  before: { readonly state: BackendState | undefined } | undefined;
}

export class Demand {
  /** Also those that lost their last user since the last `takeChanged`. */
  readonly #targets = new Map<TargetName, TargetUse>();
  #touched: TargetUse[] = [];
  readonly #counts = forEachMap(() => 0);

  get counts(): MapCounts {
    return { ...this.#counts };
  }

  add(frontends: Iterable<DesiredFrontend>): void {
    this.#count(frontends, 1);
  }

  /** Takes back what was added. */
  remove(frontends: Iterable<DesiredFrontend>): void {
    this.#count(frontends, -1);
  }

  /** The map that would be too small if the frontends came in, if any. */
  overflow(frontends: Iterable<DesiredFrontend>, sizes: MapCounts): MapName | undefined {
    const counts = this.counts as Record<MapName, number>;
    const fresh = new Set<TargetName>();
    for (const { address, backends } of frontends) {
      const family = familyOf(address);
      counts[mapNameOf('reverseNat', family)] += 1;
      counts[mapNameOf('services', family)] += 1 + backends.length;
      for (const { name } of backends) {
        if ((this.#targets.get(name)?.users ?? 0) > 0 || fresh.has(name)) continue;
        fresh.add(name);
        counts[mapNameOf('backends', family)] += 1;
      }
    }
    return MAP_NAMES.find((map) => counts[map] > sizes[map]);
  }

  /** What the target's row says; absent where nobody uses it. */
  state(name: TargetName): BackendState | undefined {
    const use = this.#targets.get(name);
    return use === undefined ? undefined : stateOf(use);
  }

  *targets(): Iterable<TargetName> {
    for (const { name, users } of this.#targets.values()) if (users > 0) yield name;
  }

  /** Targets whose state is another one than at the last call. */
  takeChanged(): Set<TargetName> {
    const changed = new Set<TargetName>();
    for (const use of this.#touched) {
      if (use.before?.state !== stateOf(use)) changed.add(use.name);
      use.before = undefined;
      if (use.users === 0) this.#targets.delete(use.name);
    }
    this.#touched = [];
    return changed;
  }

  #count(frontends: Iterable<DesiredFrontend>, by: 1 | -1): void {
    for (const { address, backends } of frontends) {
      const family = familyOf(address);
      this.#counts[mapNameOf('reverseNat', family)] += by;
      this.#counts[mapNameOf('services', family)] += by * (1 + backends.length);
      for (const backend of backends) this.#use(backend, family, by);
    }
  }

  #use({ name, state }: DesiredBackend, family: Family, by: 1 | -1): void {
    let use = this.#targets.get(name);
    if (use === undefined) {
      use = { name, family, users: 0, active: 0, before: undefined };
      this.#targets.set(name, use);
    }
    if (use.before === undefined) {
      use.before = { state: stateOf(use) };
      this.#touched.push(use);
    }
    const users = use.users;
    use.users += by;
    if (state === 'active') use.active += by;
    this.#counts[mapNameOf('backends', use.family)] += Number(use.users > 0) - Number(users > 0);
  }
}

function stateOf({ users, active }: TargetUse): BackendState | undefined {
  if (users === 0) return undefined;
  return active > 0 ? 'active' : 'terminating';
}

// How many rows a set of frontends needs in each map. Targets are shared between frontends, so they are counted by their
// users; a shared target takes new connections as long as one of its users says so.

import type { BackendState } from '../../mesh/model/service.ts';
import type { MapName } from '../maps/port.ts';
import type { DesiredBackend, DesiredFrontend, TargetName } from './frontend.ts';

export type MapCounts = Readonly<Record<MapName, number>>;

interface TargetUse {
  users: number;
  active: number;
}

export class Demand {
  readonly #targets = new Map<TargetName, TargetUse>();
  /** States at the last `takeChanged`, of the targets touched since. */
  readonly #before = new Map<TargetName, BackendState | undefined>();
  #services = 0;
  #frontends = 0;

  get counts(): MapCounts {
    return { services: this.#services, backends: this.#targets.size, reverseNat: this.#frontends };
  }

  add(frontends: Iterable<DesiredFrontend>): void {
    for (const { backends } of frontends) {
      this.#frontends += 1;
      this.#services += 1 + backends.length;
      for (const backend of backends) this.#use(backend, 1);
    }
  }

  /** Takes back what was added. */
  remove(frontends: Iterable<DesiredFrontend>): void {
    for (const { backends } of frontends) {
      this.#frontends -= 1;
      this.#services -= 1 + backends.length;
      for (const backend of backends) this.#use(backend, -1);
    }
  }

  /** The map that would be too small if the frontends came in, if any. */
  overflow(frontends: Iterable<DesiredFrontend>, sizes: MapCounts): MapName | undefined {
    let services = this.#services;
    let reverseNat = this.#frontends;
    const fresh = new Set<TargetName>();
    for (const { backends } of frontends) {
      reverseNat += 1;
      services += 1 + backends.length;
      for (const { name } of backends) if (!this.#targets.has(name)) fresh.add(name);
    }
    if (services > sizes.services) return 'services';
    if (this.#targets.size + fresh.size > sizes.backends) return 'backends';
    return reverseNat > sizes.reverseNat ? 'reverseNat' : undefined;
  }

  /** What the target's row says; absent where nobody uses it. */
  state(name: TargetName): BackendState | undefined {
    const use = this.#targets.get(name);
    if (use === undefined) return undefined;
    return use.active > 0 ? 'active' : 'terminating';
  }

  targets(): Iterable<TargetName> {
    return this.#targets.keys();
  }

  /** Targets whose state is another one than at the last call. */
  takeChanged(): Set<TargetName> {
    const changed = new Set<TargetName>();
    for (const [name, before] of this.#before) if (this.state(name) !== before) changed.add(name);
    this.#before.clear();
    return changed;
  }

  #use({ name, state }: DesiredBackend, by: 1 | -1): void {
    if (!this.#before.has(name)) this.#before.set(name, this.state(name));
    const use = this.#targets.get(name) ?? { users: 0, active: 0 };
    use.users += by;
    if (state === 'active') use.active += by;
    if (use.users === 0) this.#targets.delete(name);
    else this.#targets.set(name, use);
  }
}

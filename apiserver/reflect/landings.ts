// Of which peers everything that they say has been written here, and in which form: only then may their canaries stand, which say so to
// readers. It is told when nothing waits any more, and finds out nothing by itself.

import type { ClusterName } from '../../mesh/model/names.ts';
import { type LandedForm, landedForm, piecesCanary } from './desired.ts';
import type { ReflectedPeers } from './port.ts';

export class Landings {
  readonly #landed = new Map<ClusterName, LandedForm>();
  /** Peers of which that may be another form than is known, or none is. */
  readonly #landing = new Set<ClusterName>();

  get landed(): ReadonlyMap<ClusterName, LandedForm> {
    return this.#landed;
  }

  /** Nothing is known of these, and nothing of others. */
  begin(names: Iterable<ClusterName>): void {
    this.#landed.clear();
    this.#landing.clear();
    for (const name of names) this.#landing.add(name);
  }

  /** The form may be another one by now. */
  expect(name: ClusterName): void {
    this.#landing.add(name);
  }

  forget(name: ClusterName): void {
    this.#landed.delete(name);
    this.#landing.delete(name);
  }

  /** Everything that was to be written is. Gives the peers whose canaries may be others by that. */
  settle(peers: ReflectedPeers, has: (key: string) => boolean): readonly ClusterName[] {
    const changed: ClusterName[] = [];
    for (const name of this.#landing) {
      const peer = peers.peer(name);
      if (peer?.complete !== true) continue;
      this.#landing.delete(name);
      const form = landedForm(peer, has(piecesCanary(name)));
      if (this.#landed.get(name) === form) continue;
      this.#landed.set(name, form);
      changed.push(name);
    }
    return changed;
  }
}

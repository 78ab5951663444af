// What each peer declared of itself when it was last looked at, so that a changed record, which is nearly every change, does not have the
// keys of the peer itself looked at again.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { ReflectedPeer } from './port.ts';

/** All that the keys of a peer itself are made of; its parts are the same objects for as long as they say the same. */
type Declared = readonly unknown[];

export class Declarations {
  readonly #declared = new Map<ClusterName, Declared>();

  /** Whether it says anything else than when this was last asked; of a peer that is gone, always. */
  isNew(name: ClusterName, peer: ReflectedPeer | undefined): boolean {
    if (peer === undefined) {
      this.#declared.delete(name);
      return true;
    }
    const before = this.#declared.get(name);
    const declared = declaredBy(peer);
    if (before !== undefined && same(before, declared)) return false;
    this.#declared.set(name, declared);
    return true;
  }

  clear(): void {
    this.#declared.clear();
  }
}

function declaredBy({ record, config, card, complete }: ReflectedPeer): Declared {
  const { name, id, freshness, synced } = record;
  return [name, id, freshness, synced, config, card, complete];
}

const same = (a: Declared, b: Declared): boolean => a.every((part, at) => part === b[at]);

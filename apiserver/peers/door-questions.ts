// What a link asks a peer's door before it follows it: whether the peer has a card, and whether the door shows what that offers. Each
// question has a deadline: a door that keeps silent is as good as none. It keeps nothing and decides nothing.

import { isFailure, Meanings } from '../store/failures.ts';
import type { KeyValue } from '../store/port.ts';
import type { PeerKeys } from './peer-keys.ts';
import type { DoorClient } from './port.ts';

/** A door that does not answer the first questions within this is treated as unreachable. */
const QUESTION_DEADLINE_MS = 10_000;

/** Of one session, until the signal that comes with each question. */
export class DoorQuestions {
  readonly #store: DoorClient['store'];
  readonly #keys: PeerKeys;

  constructor({ store }: DoorClient, keys: PeerKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** A plain Cilium cluster has no card, and its etcd may refuse to say so. Rejects where it cannot be reached. */
  async card(signal: AbortSignal): Promise<Uint8Array | 'absent' | 'hidden'> {
    try {
      const card = await this.#store.get(this.#keys.card, withDeadline(signal));
      return card?.value ?? 'absent';
    } catch (error) {
      if (isFailure(error, Meanings.denied)) return 'hidden';
      throw error;
    }
  }

  /** Those of the keys that are there. Rejects where the door does not show one of them, whether or not it is there. */
  read(keys: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, KeyValue>> {
    return this.#store.getAll(keys, withDeadline(signal));
  }
}

const withDeadline = (signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(QUESTION_DEADLINE_MS)]);

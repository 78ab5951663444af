// What a link asks a peer's door before it follows it: whether it answers at all, whether the peer has a card, and whether it has its
// services in pieces. Each question has a deadline: a door that keeps silent is as good as none. It keeps nothing and decides nothing.

import { isFailure, Meanings } from '../store/failures.ts';
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

  /** Rejects where it cannot be reached. */
  async answers(signal: AbortSignal): Promise<void> {
    await this.#store.status(withDeadline(signal));
  }

  /** A plain Cilium cluster has no card, and its etcd may refuse to say so. */
  async card(signal: AbortSignal): Promise<Uint8Array | 'absent' | 'hidden'> {
    try {
      const card = await this.#store.get(this.#keys.card, withDeadline(signal));
      return card?.value ?? 'absent';
    } catch (error) {
      if (isFailure(error, Meanings.denied)) return 'hidden';
      throw error;
    }
  }

  /** Rejects where the door does not show such a key, whether or not it is there. */
  async mayRead(key: string, signal: AbortSignal): Promise<void> {
    await this.#store.get(key, withDeadline(signal));
  }

  /** A peer that was upgraded a moment ago writes its pieces only now; until they are all there, its whole services are. */
  async hasPieces(signal: AbortSignal): Promise<boolean> {
    const { prefixes, canaries } = this.#keys.pieces;
    const deadline = withDeadline(signal);
    const [found] = await Promise.all([
      Promise.all(canaries.map((key) => this.#store.get(key, deadline))),
      Promise.all(prefixes.map((prefix) => this.#store.get(prefix, deadline))),
    ]);
    return found.every((canary) => canary !== undefined);
  }
}

const withDeadline = (signal: AbortSignal): AbortSignal =>
  AbortSignal.any([signal, AbortSignal.timeout(QUESTION_DEADLINE_MS)]);

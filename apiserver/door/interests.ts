// Which intervals of keys are watched, and when each of them changed last. Peers all watch the same few, and most changes of an
// etcd (what was reflected of others) lie in none of them: a change is compared with each interval once, however many watch it, and
// costs nobody else anything. Pure state.

import { type ByteKey, holdsKey, type KeyInterval } from './byte-key.ts';

/** One watch's part in an interval. */
export interface Interest {
  /** The newest revision in which the interval may have changed; there was none behind it. */
  readonly changedAt: number;
  release(): void;
}

interface Watched {
  readonly interval: KeyInterval;
  /** One for each interest, called when there may be something to look at. */
  readonly wakes: Set<{ readonly wake: () => void }>;
  changedAt: number;
}

export class Interests {
  readonly #watched = new Map<string, Watched>();
  /** Changed since they were woken last. */
  readonly #changed = new Set<Watched>();

  /** `revision`: the newest there is. Of what came before nothing is known, so that it counts as changed. */
  add(interval: KeyInterval, revision: number, wake: () => void): Interest {
    const name = JSON.stringify([interval.start, interval.end]);
    const watched = this.#watched.get(name) ?? { interval, wakes: new Set(), changedAt: revision };
    this.#watched.set(name, watched);
    const own = { wake };
    watched.wakes.add(own);
    return {
      get changedAt() {
        return watched.changedAt;
      },
      release: () => {
        watched.wakes.delete(own);
        if (watched.wakes.size === 0) this.#watched.delete(name);
      },
    };
  }

  changed(key: ByteKey, revision: number): void {
    for (const watched of this.#watched.values()) {
      if (holdsKey(watched.interval, key)) this.#note(watched, revision);
    }
  }

  /** Nothing that was known goes on: everybody looks. */
  allChanged(revision: number): void {
    for (const watched of this.#watched.values()) this.#note(watched, revision);
  }

  /** Once each, however much has changed. */
  wake(): void {
    const wakes = new Set<() => void>();
    for (const watched of this.#changed) for (const { wake } of watched.wakes) wakes.add(wake);
    this.#changed.clear();
    for (const wake of wakes) wake();
  }

  #note(watched: Watched, revision: number): void {
    watched.changedAt = Math.max(watched.changedAt, revision);
    this.#changed.add(watched);
  }
}

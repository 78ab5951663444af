// What a peer has lost while its etcd is being filled again, after it was emptied: what is missing meanwhile is not gone, so that it is
// only noted, and taken away once the peer says that it is whole again. Without a list since, that is what was deleted and
// did not come back; with one, whatever is not in it.

import type { StoreEvent } from '../store/port.ts';

/** What is to be taken away in the end. */
export type Lost = { readonly allBut: ReadonlySet<string> } | { readonly deletions: readonly StoreEvent[] };

export class Refill {
  #listed: Set<string> | undefined;
  readonly #deleted = new Map<string, StoreEvent>();

  /** A complete list. */
  list(keys: ReadonlySet<string>): void {
    this.#listed = new Set(keys);
    this.#deleted.clear();
  }

  note(event: StoreEvent): void {
    if (event.type === 'put') {
      this.#listed?.add(event.kv.key);
      this.#deleted.delete(event.kv.key);
    } else if (this.#listed !== undefined) this.#listed.delete(event.key);
    else this.#deleted.set(event.key, event);
  }

  get lost(): Lost {
    return this.#listed === undefined ? { deletions: [...this.#deleted.values()] } : { allBut: this.#listed };
  }
}

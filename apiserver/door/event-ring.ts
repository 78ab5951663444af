// The latest changes of the store, in revision order and bounded in number and bytes. What is forgotten goes by whole revisions,
// so that what is kept never starts in the middle of one. Pure state.

import type { KeyValue, StoreEvent } from '../store/port.ts';
import type { ByteKey } from './byte-key.ts';

export interface KeptEvent {
  readonly key: ByteKey;
  readonly revision: number;
  readonly event: StoreEvent;
  /** The event as it goes over the wire, made when first needed and shared by everybody who watches the key. */
  encoded: Uint8Array | undefined;
}

export interface RingLimits {
  readonly eventsMax: number;
  readonly bytesMax: number;
}

/** What an entry takes beside its key and value, roughly. */
const ENTRY_BYTES = 200;

export const sizeOf = (kv: KeyValue): number => kv.key.length + kv.value.length + ENTRY_BYTES;

export class EventRing {
  readonly #limits: RingLimits;
  /** Behind `#first`; what is before it is dropped now and then, all at once. */
  #events: (KeptEvent | undefined)[] = [];
  #first = 0;
  #bytes = 0;

  constructor(limits: RingLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#events.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(event: KeptEvent): void {
    this.#events.push(event);
    this.#bytes += cost(event);
  }

  /**
   * Forgets the oldest revisions until the limits hold, but never the newest one: it is in memory anyway. Returns the newest
   * revision that was forgotten.
   */
  trim(): number | undefined {
    const newest = this.#events.at(-1)?.revision;
    let forgotten: number | undefined;
    for (let at = this.#at(this.#first); at !== undefined; at = this.#at(this.#first)) {
      const over = this.size > this.#limits.eventsMax || this.#bytes > this.#limits.bytesMax;
      if (at.revision === newest || (!over && at.revision !== forgotten)) break;
      forgotten = at.revision;
      this.#bytes -= cost(at);
      this.#events[this.#first] = undefined;
      this.#first += 1;
    }
    if (this.#first > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    return forgotten;
  }

  clear(): void {
    this.#events = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  /** In order, those of `revision` and later. Nothing must be pushed or trimmed while this is iterated. */
  *from(revision: number): Generator<KeptEvent> {
    for (let index = this.#indexOf(revision); index < this.#events.length; index++) {
      const event = this.#at(index);
      if (event !== undefined) yield event;
    }
  }

  countFrom(revision: number): number {
    return this.#events.length - this.#indexOf(revision);
  }

  #at(index: number): KeptEvent | undefined {
    return this.#events[index];
  }

  #indexOf(revision: number): number {
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#at(middle)?.revision ?? 0) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Twice for what is put: once as a value and once as encoded. The value before is kept for those who ask for it. */
function cost({ event }: KeptEvent): number {
  const put = event.type === 'put' ? 2 * sizeOf(event.kv) : ENTRY_BYTES;
  return put + (event.previous === undefined ? 0 : sizeOf(event.previous));
}

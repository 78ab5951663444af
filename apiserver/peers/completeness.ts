// How much of what a peer has is known, which its canaries tell: each says that all records of a type were written before it. Also of a peer
// that was complete and whose etcd was emptied since: until it is whole again, what is missing is not gone, and is only noted.

import type { Clock } from '../../runtime/clock.ts';
import type { Mirror, MirrorBatch, StoreEvent } from '../store/port.ts';
import { type Lost, Refill } from './refill.ts';

/** For how long a peer that was emptied must be whole again before what it lacks is taken away. */
const REFILLED_MS = 5_000;

export class Completeness {
  readonly #clock: Clock;
  readonly #isCanary: (key: string) => boolean;
  readonly #canaries = new Set<string>();
  #reached = false;
  /** It was whole, and says so no longer, or only since a moment. */
  #refill: Refill | undefined;
  #refilledSince: number | undefined;

  constructor(clock: Clock, isCanary: (key: string) => boolean) {
    this.#clock = clock;
    this.#isCanary = isCanary;
  }

  /** Once complete, a peer stays complete: what was known of it is kept until a new list says otherwise. */
  get reached(): boolean {
    return this.#reached;
  }

  /** Everything that has come was taken in, and these canaries are asked for. Returns whether the peer was complete by now. */
  reach(canaries: readonly string[]): boolean {
    this.#reached ||= this.lacking(canaries).length === 0;
    return this.#reached;
  }

  /** Which of the canaries are not there. */
  lacking(canaries: readonly string[]): readonly string[] {
    return canaries.filter((key) => !this.#canaries.has(key));
  }

  /** `entries`: what the peer has with the batch; `canaries`: those without which records are missing. */
  read({ events, relisted }: MirrorBatch, entries: Mirror['entries'], canaries: readonly string[]): void {
    if (relisted) this.#canaries.clear();
    for (const key of relisted ? entries.keys() : []) {
      if (this.#isCanary(key)) this.#canaries.add(key);
    }
    for (const event of relisted ? [] : events) {
      const key = event.type === 'put' ? event.kv.key : event.key;
      if (!this.#isCanary(key)) continue;
      if (event.type === 'put') this.#canaries.add(key);
      else this.#canaries.delete(key);
    }
    if (this.#reached && this.lacking(canaries).length > 0) this.#refill ??= new Refill();
  }

  /** The peer's etcd was emptied, and is not whole again for certain: nothing is taken away. */
  get isRefilled(): boolean {
    return this.#refill !== undefined;
  }

  /** A record came or went. */
  note(event: StoreEvent): void {
    this.#refill?.note(event);
  }

  /** A complete list of records, while it is refilled. */
  list(keys: ReadonlySet<string>): void {
    this.#refill?.list(keys);
  }

  /**
   * What was lost for good, once, when the peer has been whole again for long enough: canaries and records come by different watches, and
   * the last records get a moment to arrive. `isDone`: everything that has come was taken in.
   */
  settle(canaries: readonly string[], isDone: boolean): Lost | undefined {
    if (this.#refill === undefined || this.lacking(canaries).length > 0 || !isDone) {
      this.#refilledSince = undefined;
      return undefined;
    }
    this.#refilledSince ??= this.#clock.monotonic();
    if (this.#clock.monotonic() - this.#refilledSince < REFILLED_MS) return undefined;
    const { lost } = this.#refill;
    this.#refill = undefined;
    return lost;
  }
}

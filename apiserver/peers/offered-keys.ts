// Whether a peer is asked for keys that not every version has: only where its card offers them, and its door answers for them. Doors of
// older versions, and plain etcds of Cilium, refuse what they do not know, and a refusal would cost the whole link. While a peer's
// replicas are of two versions, the card and the door that answers may be of different ones.

import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { KeyValue } from '../store/port.ts';

/** Reads keys at the door: those that are there. Rejects where it refuses one of them, and where it cannot be reached. */
export type ReadKeys = (keys: readonly string[]) => Promise<ReadonlyMap<string, KeyValue>>;

/** A peer's card, where it has one; one that cannot be read offers nothing. */
export type ShownCard = ClusterCard | 'unreadable' | undefined;

export interface OfferedKeysDeps {
  readonly offers: (card: ClusterCard) => boolean;
  /** Within the ranges that would be followed, one of each at least: whoever may read them may read those. */
  readonly keys: readonly string[];
  /** Of `keys`, those without which there is not all of it yet. @default none */
  readonly needed?: readonly string[];
  /** They are asked for instead of others, which the peer may come to have alone: a card that offers them no longer counts. */
  readonly instead?: boolean;
  /** The session was made for another answer than there is now: it is to end, with the refusal if there was one. */
  readonly onChange: (refusal?: Error) => void;
}

/** Of one session with a peer's door. */
export class OfferedKeys {
  readonly #deps: OfferedKeysDeps;
  #asked = false;
  #probing = false;
  #cameMeanwhile = false;

  constructor(deps: OfferedKeysDeps) {
    this.#deps = deps;
  }

  /** The session asks for them. */
  get asked(): boolean {
    return this.#asked;
  }

  /** Which keys the door is to show, if the card is to count. */
  keysFor(card: ShownCard): readonly string[] {
    return this.#isOfferedBy(card) ? this.#deps.keys : [];
  }

  /** At the start of the session. */
  async decide(card: ShownCard, read: ReadKeys): Promise<boolean> {
    this.#asked = this.#isOfferedBy(card) && (await this.#isShown(read));
    return this.#asked;
  }

  /** A card that came later: of a peer that has only just written it, or has been upgraded since. Cards come every minute. */
  cardCame(card: ShownCard, read: ReadKeys): void {
    const offered = this.#isOfferedBy(card);
    if (this.#asked && this.#deps.instead === true && !offered && card !== undefined) this.#deps.onChange();
    if (this.#asked || !offered) return;
    this.#cameMeanwhile = true;
    if (!this.#probing) void this.#probe(read);
  }

  /** What was there when it was read may be less than the card says that came meanwhile. */
  async #probe(read: ReadKeys): Promise<void> {
    this.#probing = true;
    let shown = false;
    while (this.#cameMeanwhile && !shown) {
      this.#cameMeanwhile = false;
      shown = await this.#isShown(read);
    }
    this.#probing = false;
    if (shown) this.#deps.onChange();
  }

  /** The door refused something: it may be another one than at the start. */
  refused(refusal: Error | undefined): void {
    if (this.#asked) this.#deps.onChange(refusal);
  }

  async #isShown(read: ReadKeys): Promise<boolean> {
    const { keys, needed = [] } = this.#deps;
    try {
      const found = await read(keys);
      return needed.every((key) => found.has(key));
    } catch {
      return false;
    }
  }

  #isOfferedBy(card: ShownCard): boolean {
    return typeof card === 'object' && this.#deps.offers(card);
  }
}

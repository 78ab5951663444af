// What the last handshake with a door showed, and what that amounts to. Judged again when something else becomes known of the peer
// or its trust store is another, and for the time that passes when that can make a difference; between two handshakes what was presented
// stays what it was.

import { type JudgedTrust, judgeTrust, type TrustInput } from '../../pki/trust/assess.ts';

/** What is known of a peer by other ways, at the moment of asking; `ca` is the text of its trust store. */
export type PeerKnowledge = Pick<TrustInput, 'plain' | 'admittedPins' | 'currentPins' | 'ca'>;

/** What is wrong is told with how long it has been, or how long it will be: so old that may be. */
const JUDGED_AGAIN_MS = 60_000;

export class SeenDoor {
  readonly #input: Omit<TrustInput, keyof PeerKnowledge>;
  readonly #store: string;
  #known: string | undefined;
  #judged: JudgedTrust | undefined;
  #judgedAt = 0;

  /** `store`: the trust store in the handshake. */
  constructor(input: Omit<TrustInput, keyof PeerKnowledge>, store: string) {
    this.#input = input;
    this.#store = store;
  }

  /** A chain was presented. */
  get presented(): boolean {
    return this.#input.chain !== undefined;
  }

  /** How reading was denied to us. */
  get denied(): string | undefined {
    const refused = this.#input.handshake?.clientRefused;
    return refused?.at === 'reading' ? refused.how : undefined;
  }

  judged(known: PeerKnowledge, now: number): JudgedTrust {
    const text = JSON.stringify(known);
    if (this.#judged !== undefined && text === this.#known && this.#stillHolds(this.#judged, now)) return this.#judged;
    this.#judged = judgeTrust({ ...this.#input, ...this.#handshakeUnder(known), ...known, now });
    this.#known = text;
    this.#judgedAt = now;
    return this.#judged;
  }

  /** Hundreds of chains are verified in a second: a report does not do that for nothing. A clock that was set back begins anew. */
  #stillHolds({ holdsUntil }: JudgedTrust, now: number): boolean {
    return now >= this.#judgedAt && now < (holdsUntil ?? this.#judgedAt + JUDGED_AGAIN_MS);
  }

  /** What TLS made of the chain is no longer of interest once the store is another. */
  #handshakeUnder({ ca }: PeerKnowledge): Pick<TrustInput, 'handshake'> {
    const { handshake } = this.#input;
    if (handshake === undefined || ca === this.#store) return { handshake };
    return { handshake: { ...handshake, chainRefused: undefined } };
  }
}

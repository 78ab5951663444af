// What the last handshake with a door showed, and what that amounts to. Judged again when something else becomes known of the peer,
// and for the time that passes when that can make a difference; between two handshakes what was presented stays what it was. Where
// the peer's keys have been replaced since, it was seen under others, and says nothing of these (`outdatedBy`).

import { type JudgedTrust, judgeTrust, type TrustInput } from '../../pki/trust/assess.ts';

/** What is known of a peer by other ways, at the moment of asking; `ca` is the text of its trust store. */
export type PeerKnowledge = Pick<TrustInput, 'plain' | 'admittedPins' | 'currentPins' | 'ca' | 'clockOffsetMs'>;

/** What is wrong is told with how long it has been, or how long it will be: so old that may be. */
const JUDGED_AGAIN_MS = 60_000;

export class SeenDoor {
  readonly #input: Omit<TrustInput, keyof PeerKnowledge>;
  readonly #under: PeerKnowledge;
  #known: string | undefined;
  #judged: JudgedTrust | undefined;
  #judgedAt = 0;

  /** `under`: what was known in the handshake. */
  constructor(input: Omit<TrustInput, keyof PeerKnowledge>, under: PeerKnowledge) {
    this.#input = input;
    this.#under = under;
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

  /** The keys of the peer were others in the handshake: a door of a rotation shows what fits the old ones, and now another chain. */
  outdatedBy(known: PeerKnowledge): boolean {
    return isReplaced(this.#under.ca, known.ca) || isReplaced(pinsOf(this.#under), pinsOf(known));
  }

  /** The same, for a door that was asked again and did not answer: it counts under what is known now. */
  under(known: PeerKnowledge): SeenDoor {
    return new SeenDoor({ ...this.#input, ...this.#handshakeUnder(known) }, known);
  }

  /** Under the keys of the handshake. */
  judgedAsSeen(now: number): JudgedTrust {
    return this.judged(this.#under, now);
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
    if (handshake === undefined || ca === this.#under.ca) return { handshake };
    return { handshake: { ...handshake, chainRefused: undefined } };
  }
}

/** What was not known before is no replacement: it is judged at once. */
const isReplaced = (before = '', now = ''): boolean => before !== '' && before !== now;

const pinsOf = ({ admittedPins = [], currentPins = [] }: PeerKnowledge): string =>
  [...new Set([...admittedPins, ...currentPins])].sort().join();

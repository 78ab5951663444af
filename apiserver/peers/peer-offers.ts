// What not every peer has, of one session with its door: how it exports its services, which authorities it announces, and its services in
// pieces. It decides at the start which of them are asked for, and with that which keys the session follows; a card that says
// otherwise later, or a door that refuses them, ends the session, and the next one decides anew.

import type { ClusterCard } from '../../mesh/model/cluster.ts';
import {
  announcesBundle,
  decodeCard,
  publishesPieces,
  publishesSpecs,
  SERVICE_PIECES,
  SERVICE_SPECS,
  TRUST_BUNDLE,
} from '../../mesh/wire/card.ts';
import { STATE_ROOT } from '../../mesh/wire/state-keys.ts';
import type { Withheld, Withholdable } from '../withheld.ts';
import type { DoorQuestions } from './door-questions.ts';
import { OfferedKeys, type OfferedKeysDeps, type ReadKeys, type ShownCard } from './offered-keys.ts';
import type { PeerKeys } from './peer-keys.ts';

export interface PeerOffersDeps {
  readonly keys: PeerKeys;
  readonly door: DoorQuestions;
  /** What is not asked for, whoever offers it. */
  readonly withheld: Withheld;
  /** The session was made for another answer than there is now: it is to end, with the refusal if there was one. */
  readonly onChange: (refusal?: Error) => void;
  /** Of the session. */
  readonly signal: AbortSignal;
}

export class PeerOffers {
  readonly #keys: PeerKeys;
  readonly #read: ReadKeys;
  readonly #specs: OfferedKeys;
  readonly #bundle: OfferedKeys;
  readonly #pieces: OfferedKeys;

  constructor({ keys, door, withheld, onChange, signal }: PeerOffersDeps) {
    const offered = (capability: Withholdable, offers: (card: ClusterCard) => boolean, what: Offered) =>
      new OfferedKeys({ offers: (card) => !withheld.has(capability) && offers(card), onChange, ...what });
    const { canaries, prefixes } = keys.pieces;
    this.#keys = keys;
    this.#read = (names) => door.read(names, signal);
    this.#specs = offered(SERVICE_SPECS, publishesSpecs, { keys: [keys.specs.prefix] });
    this.#bundle = offered(TRUST_BUNDLE, announcesBundle, { keys: [keys.bundle] });
    // A peer that was upgraded a moment ago writes its pieces only now; until they are all there, its whole services are.
    const pieces = { keys: [...canaries, ...prefixes], needed: canaries, instead: true };
    this.#pieces = offered(SERVICE_PIECES, publishesPieces, pieces);
  }

  /** Asks the door for what the card offers. Returns the prefixes that the session is to follow. */
  async decide(card: Uint8Array | 'absent' | 'hidden'): Promise<readonly string[]> {
    // A cluster of ours that has just started writes its card a moment later: an absent card is waited for.
    const shown = typeof card === 'string' ? undefined : cardIn(card);
    const read = await this.#readAhead(this.#all.flatMap((keys) => keys.keysFor(shown)));
    const [withSpecs, withBundle, withPieces] = await Promise.all([
      this.#specs.decide(shown, read),
      this.#bundle.decide(shown, read),
      this.#pieces.decide(shown, read),
    ]);
    const { prefixes, plainPrefixes, pieces, specs, bundle } = this.#keys;
    const usual = card === 'hidden' ? plainPrefixes : prefixes;
    return [
      ...(withPieces ? [...pieces.prefixes, ...usual.filter((prefix) => prefix !== STATE_ROOT)] : usual),
      ...(withSpecs ? [specs.prefix] : []),
      ...(withBundle ? [bundle] : []),
    ];
  }

  /** Services come in pieces, instead of whole. */
  get inPieces(): boolean {
    return this.#pieces.asked;
  }

  /** Without which not all records are there. */
  get canariesOfRecords(): readonly string[] {
    const { canaries, pieces } = this.#keys;
    return this.#pieces.asked ? [...canaries, ...pieces.canaries] : canaries;
  }

  /** How services are exported withholds nothing, so that it is waited for, but never keeps anything else from being taken away. */
  get canaries(): readonly string[] {
    return this.#specs.asked ? [...this.canariesOfRecords, this.#keys.specs.canary] : this.canariesOfRecords;
  }

  cardCame(card: Uint8Array | undefined): void {
    const shown = card && cardIn(card);
    for (const keys of this.#all) keys.cardCame(shown, this.#read);
  }

  /** The door refused something. */
  refused(refusal: Error | undefined): void {
    for (const keys of this.#all) keys.refused(refusal);
  }

  /** In one question for all that is offered; a door that refuses any of them is asked for each by itself. */
  async #readAhead(keys: readonly string[]): Promise<ReadKeys> {
    if (keys.length === 0) return this.#read;
    try {
      const found = await this.#read(keys);
      return () => Promise.resolve(found);
    } catch {
      return this.#read;
    }
  }

  get #all(): readonly OfferedKeys[] {
    return [this.#specs, this.#bundle, this.#pieces];
  }
}

/** Read once for all that it may offer. */
function cardIn(bytes: Uint8Array): ShownCard {
  const read = decodeCard(bytes);
  return read.ok ? read.value.card : 'unreadable';
}

type Offered = Pick<OfferedKeysDeps, 'keys' | 'needed' | 'instead'>;

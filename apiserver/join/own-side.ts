// What this cluster brings to a join, and what it makes of the other side's: its offer from what is published and configured, the facts that
// it judges by, and the check of everything that the other side sends before any of it is used.

import type { X509Certificate } from 'node:crypto';
import { type ClusterFacts, readCard } from '../../mesh/conflict/facts.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { CARDS_PREFIX, cardKey, decodeCard } from '../../mesh/wire/card.ts';
import { encodeText } from '../../mesh/wire/json.ts';
import { formatTime, parseTime } from '../../mesh/wire/time.ts';
import { parsePeerAuthority } from '../../pki/peer-authority.ts';
import { spkiPins } from '../../pki/spki.ts';
import type { TrustPurpose } from '../../pki/trust/problem.ts';
import { verifyChain } from '../../pki/trust/verify-chain.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KeyValue } from '../store/port.ts';
import { type JoinPlan, planJoin } from './plan.ts';
import { CLOCK_DIFFERENCE_MS_MAX, type Offer } from './protocol.ts';
import { refusal } from './refusal.ts';

export interface OwnSideDeps {
  readonly self: ClusterName;
  /** The own etcd, as mirrored: cards of the own cluster and of admitted peers. */
  readonly entries: ReadonlyMap<string, KeyValue>;
  /** The own cluster and its peers, for the rules. */
  readonly facts: () => ReadonlyMap<ClusterName, ClusterFacts>;
  /** PEM: the own authorities, as peers are to trust them. */
  readonly ca: () => string;
  /** `https://host:port` of the own doors. */
  readonly doors: readonly string[];
  readonly clock: Clock;
}

/** An offer that was checked: whose it is, and what it declares. */
export interface ReadOffer {
  readonly name: ClusterName;
  readonly card: ClusterCard;
  readonly pins: readonly string[];
  readonly offer: Offer;
}

export class OwnSide {
  readonly #deps: OwnSideDeps;

  constructor(deps: OwnSideDeps) {
    this.#deps = deps;
  }

  get self(): ClusterName {
    return this.#deps.self;
  }

  get ca(): string {
    return this.#deps.ca();
  }

  offer(): Offer {
    const { self, entries, doors, clock } = this.#deps;
    if (doors.length === 0) {
      throw refusal(
        'JOIN_NOT_CONFIGURED',
        self,
        'door.advertise is not set, so that peers cannot be told where the door is',
      );
    }
    const own = entries.get(cardKey(self));
    if (own === undefined) throw refusal('JOIN_NOT_READY', self, 'it has not published its card yet');
    const members = [...entries.values()].filter(({ key }) => key.startsWith(CARDS_PREFIX) && key !== cardKey(self));
    return {
      card: text(own),
      members: members.map(text),
      ca: this.ca,
      endpoints: [...doors],
      time: formatTime(clock.now()),
    };
  }

  /** Reads what the other side offers. `chain` is what it has shown in the handshake, and holds the key of. */
  read(offer: Offer, chain: readonly X509Certificate[], purpose: TrustPurpose): ReadOffer {
    const card = decodeCard(encodeText(offer.card));
    if (!card.ok) throw refusal('JOIN_OFFER', this.self, `the card cannot be read: ${card.error}`);
    const name = parseClusterName(card.value.card.name);
    if (!name.ok) throw refusal('JOIN_OFFER', this.self, `the name on the card: ${name.error}`);
    const authorities = parsePeerAuthority(offer.ca);
    if (!authorities.ok)
      throw refusal('JOIN_TRUST', name.value, `the authority of ${name.value}: ${authorities.error}`);
    const { usable, problems } = verifyChain({
      chain,
      store: [offer.ca],
      cluster: name.value,
      purpose,
      now: this.#deps.clock.now(),
    });
    if (!usable) {
      const [worst] = problems;
      const reason = worst === undefined ? 'it is not usable' : `${worst.code}: ${worst.reason}`;
      throw refusal('JOIN_TRUST', name.value, `the certificate of ${name.value} against its own authority: ${reason}`);
    }
    return { name: name.value, card: card.value.card, pins: spkiPins([offer.ca]), offer };
  }

  /**
   * Refuses where the clocks are too far apart for each other's certificates. `joining` are those that are about to be members, and
   * are judged as if they were.
   */
  plan({ name, offer }: ReadOffer, joining: ReadonlyMap<ClusterName, Offer> = new Map()): JoinPlan {
    const { self, facts, clock } = this.#deps;
    const now = clock.now();
    const theirs = parseTime(offer.time);
    const clockOffsetMs = theirs.ok ? theirs.value - now : 0;
    if (Math.abs(clockOffsetMs) > CLOCK_DIFFERENCE_MS_MAX) throw clocksDiffer(name, self, now + clockOffsetMs, now);
    const { card, members } = offer;
    const own = new Map(facts());
    for (const [member, { card }] of joining) {
      if (!own.has(member) && member !== name) {
        own.set(member, { name: member, card: readCard(encodeText(card)), records: new Map() });
      }
    }
    return planJoin({ local: self, own, other: { name, card, members, clockOffsetMs }, now });
  }
}

export const clocksDiffer = (other: ClusterName, self: ClusterName, theirs: number, ours: number) =>
  refusal('JOIN_CLOCK', other, `it is ${formatTime(theirs)} at ${other} and ${formatTime(ours)} at ${self}`);

const text = ({ value }: KeyValue): string => Buffer.from(value).toString('utf8');

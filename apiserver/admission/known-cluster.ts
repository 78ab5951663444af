// What is known of one cluster beside its records: what it declares, what of that was admitted last, how fresh it is and how much of
// it is taken in. Keeps the last good reading of a card or config when a later one cannot be read.

import type { ConfigFact, Declarations, FreshnessFact, QuotaFact, Reading } from '../../mesh/conflict/facts.ts';
import { clockOffset, readCard, readConfig } from '../../mesh/conflict/facts.ts';
import type { Standing } from '../../mesh/conflict/standing.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { cardKey } from '../../mesh/wire/card.ts';
import { clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import { misfit } from '../../mesh/wire/record.ts';
import type { PeerFreshness } from '../peers/port.ts';
import type { Change, PeerPace } from './pace.ts';
import type { PeerQuota } from './quota.ts';

/** A card or config is read by all rules about clusters, however little of it has changed. */
const DECLARATION_COST = 100;

/** What is taken in of a peer; the local cluster is never limited. */
export interface PeerLimits {
  readonly quota: PeerQuota;
  readonly pace: PeerPace;
}

export class KnownCluster {
  readonly name: ClusterName;
  readonly limits: PeerLimits | undefined;
  #card: Reading<ClusterCard> | undefined;
  #admittedCard: ClusterCard | undefined;
  #clockOffsetMs: number | undefined;
  #config: Reading<ConfigFact> | undefined;
  #configBytes: Uint8Array | undefined;
  #admittedConfig: Uint8Array | undefined;
  #freshness: FreshnessFact | undefined;

  constructor(name: ClusterName, limits: PeerLimits | undefined) {
    this.name = name;
    this.limits = limits;
  }

  /** The card as it was admitted last: what a later one is compared with. */
  get admittedCard(): ClusterCard | undefined {
    return this.#admittedCard;
  }

  get admittedConfig(): Uint8Array | undefined {
    return this.#admittedConfig;
  }

  /** What a change counts as. What is new is bounded by the quota, so that a first list of any size is taken in at once. */
  costOf(key: string): number {
    if (key === cardKey(this.name)) return this.#card === undefined ? 0 : DECLARATION_COST;
    if (key === clusterConfigKey(this.name)) return this.#config === undefined ? 0 : DECLARATION_COST;
    return this.limits?.quota.has(key) === true ? 1 : 0;
  }

  /** Made with every change of a record: an object that is filled costs a fraction of one that is spread together. */
  get declarations(): Declarations {
    const declared: { -readonly [part in keyof Declarations]: Declarations[part] } = {};
    if (this.#card !== undefined) declared.card = this.#card;
    if (this.#config !== undefined) declared.config = this.#config;
    if (this.#admittedCard !== undefined) declared.admitted = this.#admittedCard;
    if (this.#clockOffsetMs !== undefined) declared.clockOffsetMs = this.#clockOffsetMs;
    if (this.#freshness !== undefined) declared.freshness = this.#freshness;
    if (this.limits !== undefined) declared.quota = quotaFact(this.limits);
    return declared;
  }

  /** False: it is no card and no config. `writtenNow`: it was not found in a list. */
  takeDeclaration({ key, value }: Change, now: number, writtenNow: boolean): boolean {
    if (key === cardKey(this.name)) {
      // Another card has every record of its cluster judged again.
      if (this.#readCard(value, now, writtenNow)) this.limits?.pace.charge(this.limits.quota.size);
    } else if (key === clusterConfigKey(this.name)) this.#readConfig(value);
    else return false;
    return true;
  }

  /** True when it says anything else than before, but for the time. */
  #readCard(bytes: Uint8Array | undefined, now: number, writtenNow: boolean): boolean {
    const before = this.#card;
    const earlier = before?.value ?? this.#admittedCard;
    this.#card = bytes === undefined ? withdrawn(earlier) : readCard(bytes, earlier);
    this.#clockOffsetMs = clockOffset(this.#card?.value, now, writtenNow);
    return timeless(before) !== timeless(this.#card);
  }

  #readConfig(bytes: Uint8Array | undefined): void {
    this.#config = bytes === undefined ? undefined : readConfig(this.name, bytes, this.#config?.value);
    this.#configBytes = bytes;
  }

  hear({ freshness, heartbeatAgeMs, synced, historyLost }: PeerFreshness, now: number): void {
    this.#freshness = {
      state: freshness,
      synced,
      ...(heartbeatAgeMs === undefined ? {} : { lastHeartbeatAt: now - heartbeatAgeMs }),
      ...(historyLost === undefined ? {} : { historyLost }),
    };
  }

  /** What an earlier process admitted. */
  seed(card: ClusterCard): void {
    this.#admittedCard = card;
  }

  /** The card as it is has not been admitted yet. */
  get hasNewCard(): boolean {
    return this.#card?.value !== undefined && this.#card.value !== this.#admittedCard;
  }

  /** The card as it is becomes the one that later ones are compared with. */
  admitCard(): void {
    this.#admittedCard = this.#card?.value ?? this.#admittedCard;
  }

  /**
   * A config that contradicts the card would let its readers take the peer for another one; one that cannot be read leaves the
   * last one in use.
   */
  admitConfig({ id }: Standing): void {
    if (this.#config === undefined) this.#admittedConfig = undefined;
    else if (this.#config.problems.length === 0) {
      const fits = id !== undefined && this.#config.value?.id === id;
      this.#admittedConfig = fits ? this.#configBytes : undefined;
    }
  }

  withholdConfig(): void {
    this.#admittedConfig = undefined;
  }
}

const timeless = (reading: Reading<ClusterCard> | undefined): string =>
  reading?.value === undefined ? '' : JSON.stringify({ ...reading.value, time: '' });

const quotaFact = ({ quota, pace }: PeerLimits): QuotaFact => ({
  ...quota.fact,
  changesPerSecondMax: pace.limits.changesPerSecond,
  tooFast: pace.exceeded,
});

/** A cluster that had a card is held to it: it cannot shed what it declared by hiding it. */
function withdrawn(earlier: ClusterCard | undefined): Reading<ClusterCard> | undefined {
  if (earlier === undefined) return undefined;
  return { value: earlier, problems: [misfit('', 'the card was withdrawn; the last one stays in use')] };
}

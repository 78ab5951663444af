// What admission remembers beyond this process: since when each finding is there, and the own card as it was admitted last, with which a range that
// the own cluster added stays a newcomer here as it does for its peers. Read from the own etcd when it is listed, and whenever another
// replica has written it; what is to be written is said here, and written by the leader (kept-values.ts).

import { readCard } from '../../mesh/conflict/facts.ts';
import { compareBytes } from '../../mesh/model/address.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { admittedCardKey } from '../../mesh/wire/card.ts';
import { decodeFindingDates, encodeFindingDates, FINDING_DATES_KEY } from '../../mesh/wire/finding-dates.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KeptValue } from '../kept-values.ts';
import type { MirrorBatch, MirrorObserver, StoreEvent } from '../store/port.ts';
import type { AdmissionEngine } from './engine.ts';
import { SETTLED_AFTER_MS } from './settled.ts';

export interface RememberedDeps {
  readonly self: ClusterName;
  readonly admission: Pick<
    AdmissionEngine,
    'admittedCard' | 'findingDates' | 'restoreFindingDates' | 'seedAdmittedCard' | 'settleFindingDates'
  >;
  /** Whether this replica writes: then it knows better than what is stored, but for what it found there when it began. */
  readonly leading: () => boolean;
  readonly clock: Clock;
}

export class Remembered implements MirrorObserver {
  readonly #deps: RememberedDeps;
  readonly #begunAt: number;
  #listed = false;

  constructor(deps: RememberedDeps) {
    this.#deps = deps;
    this.#begunAt = deps.clock.monotonic();
  }

  /** Before whoever takes over the own card from the same batch. */
  onBatch({ events, more = false }: MirrorBatch): void {
    const first = !this.#listed;
    this.#listed ||= !more;
    if (!first && this.#deps.leading()) return;
    for (const event of events) if (event.type === 'put') this.#take(event.kv);
  }

  get values(): readonly KeptValue[] {
    const { self } = this.#deps;
    return [
      { key: FINDING_DATES_KEY, next: (stored) => this.#nextDates(stored) },
      { key: admittedCardKey(self), next: (stored) => this.#nextCard(stored) },
    ];
  }

  #take({ key, value }: Extract<StoreEvent, { type: 'put' }>['kv']): void {
    const { self, admission } = this.#deps;
    if (key === FINDING_DATES_KEY) admission.restoreFindingDates(decodeFindingDates(value));
    if (key === admittedCardKey(self) && readCard(value).value?.name === self) admission.seedAdmittedCard(self, value);
  }

  #nextDates(stored: Uint8Array | undefined): Uint8Array | undefined {
    const { admission, clock } = this.#deps;
    // What stands there has not been read yet, and would be lost.
    if (!this.#listed) return undefined;
    if (clock.monotonic() - this.#begunAt >= SETTLED_AFTER_MS) admission.settleFindingDates();
    const dates = admission.findingDates;
    if (stored === undefined && dates.size === 0) return undefined;
    const next = encodeFindingDates(dates);
    return stored !== undefined && compareBytes(stored, next) === 0 ? undefined : next;
  }

  #nextCard(stored: Uint8Array | undefined): Uint8Array | undefined {
    const next = this.#listed ? this.#deps.admission.admittedCard(this.#deps.self) : undefined;
    if (next === undefined || (stored !== undefined && timeless(stored) === timeless(next))) return undefined;
    return next;
  }
}

/** A card is written again and again with another time. */
const timeless = (bytes: Uint8Array): string => JSON.stringify({ ...readCard(bytes).value, time: '' });

// Keeps a node's ipcache as its API servers say: works off what may have changed, in batches that leave the event loop free in between,
// looks at everything once a minute, and again after a failure. Nothing is taken away before a whole list has come. Nobody's
// connection depends on it, and the service maps do not wait for it.

import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import { parsePrefix } from '../../mesh/model/prefix.ts';
import { sameClusters } from '../../mesh/snapshot/equality.ts';
import type { AddressesPart } from '../../mesh/wire/addresses.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WakeableSleep } from '../../runtime/wakeable-sleep.ts';
import { addressKey } from '../maps/address-row.ts';
import type { AddressMap, BatchOutcome, MapRow } from '../maps/port.ts';
import { type Pause, visitAll } from '../pause.ts';
import { PeerAddresses } from './book.ts';
import { type AddressImage, countDiffering, isValue, readImage } from './image.ts';
import { rowValue } from './rows.ts';

export interface AddressProgrammerDeps {
  readonly map: AddressMap;
  readonly clock: Clock;
  readonly random: Random;
  readonly pause: Pause;
  readonly log: Log;
}

export interface AddressReport {
  /** A whole list has come. */
  readonly known: boolean;
  readonly wanted: number;
  /** Rows in the map; absent while that is not known. */
  readonly entries: number | undefined;
  readonly size: number;
  /** Addresses that the map has no room for: the last ones to come. */
  readonly left_out: number;
  readonly rows_written: number;
  readonly rows_removed: number;
  readonly failures: number;
  /** Rows that somebody else had changed, and that were put right. */
  readonly drift: number;
}

/** Between two of them the event loop has a turn. */
const BATCH_ROWS_MAX = 512;
/** Somebody else's hand in the map shows within this time. A dump of 100,000 rows costs some 150 ms. */
const VERIFY_INTERVAL_MS = 60_000;
const BACKOFF = { delayMsMin: 100, delayMsMax: 30_000 };

type Failure = NonNullable<BatchOutcome['failure']>;

export class AddressProgrammer {
  readonly book = new PeerAddresses();
  readonly #deps: AddressProgrammerDeps;
  readonly #backoff: Backoff;
  readonly #idle: WakeableSleep;
  #clusters: ReadonlyMap<ClusterName, ClusterId> = new Map();
  #image: AddressImage | undefined;
  #dirty = new Set<string>();
  /** To be marked dirty: walked with pauses, since a whole list is long. */
  #marked: Iterable<string>[] = [];
  /** Wanted, and without room in the map. */
  #waiting = new Set<string>();
  #verifyAt = 0;
  #counters = { rows_written: 0, rows_removed: 0, failures: 0, drift: 0 };

  constructor(deps: AddressProgrammerDeps) {
    this.#deps = deps;
    this.#backoff = new Backoff(deps.random, BACKOFF);
    this.#idle = new WakeableSleep(deps.clock);
  }

  get report(): AddressReport {
    const image = this.#image;
    return {
      known: this.book.complete,
      wanted: this.book.size,
      entries: image && image.size + image.strays.length,
      size: this.#deps.map.size,
      left_out: this.#waiting.size,
      ...this.#counters,
    };
  }

  take(part: AddressesPart): void {
    this.#mark(this.book.take(part));
  }

  /** The ids that stand in rows. Only rows of clusters that have another id now are looked at. */
  name(clusters: ReadonlyMap<ClusterName, ClusterId>): void {
    const before = this.#clusters;
    if (sameClusters(before, clusters)) return;
    this.#clusters = clusters;
    const renamed = [...new Set([...before.keys(), ...clusters.keys()])].filter(
      (name) => before.get(name) !== clusters.get(name),
    );
    this.#mark(renamed.map((name) => this.book.claimsOf(name)));
  }

  /** Goes on until the signal aborts; leaves the map as it is. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    this.#verifyAt = clock.monotonic() + VERIFY_INTERVAL_MS;
    while (!signal.aborted) {
      try {
        await this.#turn(signal);
        this.#backoff.reset();
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        log.warn('the ipcache cannot be programmed', { error });
        this.#image = undefined;
        this.#counters.failures += 1;
        await sleep(clock, this.#backoff.next(), signal).catch(() => {});
        continue;
      }
      // Before a whole list has come there is nothing to do, however much is marked.
      if (!this.book.complete || !this.#isBusy)
        await this.#idle.sleep(Math.max(this.#verifyAt - clock.monotonic(), 1), signal);
    }
  }

  /** What differs now, read from the map: for whoever asks. Undefined before a whole list has come. */
  async differences(): Promise<readonly AddressDifference[] | undefined> {
    if (!this.book.complete) return undefined;
    const found = await readImage(this.#deps.map, this.#deps.pause);
    const differences: AddressDifference[] = [];
    for (const prefix of new Set([...this.book.prefixes(), ...found.prefixes()])) {
      const wanted = this.#wanted(prefix);
      const value = found.get(prefix);
      if (wanted === undefined ? value === undefined : isValue(value, wanted)) continue;
      const type = value === undefined ? 'missing' : wanted === undefined ? 'leftover' : 'wrong';
      const cause = this.#waiting.has(prefix) ? 'refused' : this.#image?.get(prefix) === value ? 'pending' : 'foreign';
      differences.push({ prefix, type, cause });
    }
    return differences;
  }

  #mark(prefixes: readonly Iterable<string>[]): void {
    // A heartbeat says nothing of any address: the loop sleeps on.
    if (prefixes.length === 0) return;
    this.#marked.push(...prefixes);
    this.#idle.wake();
  }

  get #isBusy(): boolean {
    return this.#dirty.size + this.#marked.length + (this.#image?.strays.length ?? 0) > 0;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { map, clock, pause } = this.#deps;
    if (this.#image === undefined) this.#adopt(await readImage(map, pause));
    if (!this.book.complete) return;
    if (clock.monotonic() >= this.#verifyAt) await this.#verify();
    while (this.#isBusy && !signal.aborted) {
      for (let some = this.#marked.shift(); some !== undefined; some = this.#marked.shift()) {
        await visitAll(some, pause, (prefix) => this.#dirty.add(prefix));
      }
      await this.#round();
    }
  }

  /** Everything that is there or wanted is to be looked at. */
  #adopt(image: AddressImage): void {
    this.#image = image;
    this.#waiting.clear();
    this.#mark([image.prefixes(), this.book.prefixes()]);
  }

  async #verify(): Promise<void> {
    const { map, clock, pause, log } = this.#deps;
    this.#verifyAt = clock.monotonic() + VERIFY_INTERVAL_MS;
    const believed = this.#image;
    const drift = believed === undefined ? 0 : await countDiffering(map, believed, pause);
    if (drift === 0) return;
    this.#counters.drift += drift;
    log.warn('rows of the ipcache were changed by somebody else', { rows: drift });
    this.#adopt(await readImage(map, pause));
  }

  async #round(): Promise<void> {
    const image = this.#image;
    if (image === undefined) return;
    const puts: { readonly prefix: string; readonly row: MapRow }[] = [];
    const gone: string[] = [];
    for (const prefix of this.#dirty) {
      if (puts.length + gone.length >= BATCH_ROWS_MAX) break;
      this.#dirty.delete(prefix);
      const value = this.#wanted(prefix);
      const had = image.get(prefix);
      if (value === undefined) this.#waiting.delete(prefix);
      if (value === undefined && had !== undefined) gone.push(prefix);
      if (value === undefined || isValue(had, value)) continue;
      if (had === undefined && image.size + puts.length >= this.#deps.map.size) this.#waiting.add(prefix);
      else puts.push({ prefix, row: { key: keyOf(prefix), value } });
    }
    await this.#remove(image, gone);
    await this.#put(image, puts);
    await this.#deps.pause();
  }

  async #remove(image: AddressImage, gone: readonly string[]): Promise<void> {
    const strays = image.strays;
    image.strays = [];
    const keys = [...strays, ...gone.map(keyOf)];
    if (keys.length === 0) return;
    const { applied, failure } = await this.#deps.map.remove(keys);
    this.#counters.rows_removed += applied;
    for (const prefix of gone.slice(0, Math.max(applied - strays.length, 0))) image.delete(prefix);
    if (failure !== undefined) throw mapFailed(failure);
    for (const prefix of this.#waiting) this.#dirty.add(prefix);
    this.#waiting.clear();
  }

  async #put(image: AddressImage, puts: readonly { readonly prefix: string; readonly row: MapRow }[]): Promise<void> {
    if (puts.length === 0) return;
    const { applied, failure } = await this.#deps.map.update(puts.map(({ row }) => row));
    this.#counters.rows_written += applied;
    for (const { prefix, row } of puts.slice(0, applied)) {
      image.set(prefix, row.value);
      this.#waiting.delete(prefix);
    }
    if (failure === undefined) return;
    if (failure.code !== 'MAP_FULL') throw mapFailed(failure);
    // Somebody else's rows take room: what did not land waits until rows go.
    this.#counters.failures += 1;
    for (const { prefix } of puts.slice(applied)) this.#waiting.add(prefix);
  }

  #wanted(prefix: string): Uint8Array | undefined {
    const owner = this.book.owner(prefix);
    return owner && rowValue(owner, this.#clusters);
  }
}

export interface AddressDifference {
  readonly prefix: string;
  readonly type: 'missing' | 'leftover' | 'wrong';
  /** `pending`: the agent is at it; `refused`: there is no room for it; `foreign`: another program changed the map. */
  readonly cause: 'pending' | 'refused' | 'foreign';
}

/** Of a prefix that is written as this program writes it. */
function keyOf(text: string): Uint8Array {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(`not a prefix: ${text}`);
  return addressKey(parsed.value.prefix);
}

const mapFailed = ({ reason, errno }: Failure): OperationalError =>
  new OperationalError({
    code: 'MAP_FAILED',
    operation: 'write map',
    subject: 'ipcache',
    reason: `${reason} (errno ${errno})`,
    retryable: true,
  });

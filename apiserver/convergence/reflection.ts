// How far the own etcd has come with what the doors of the peers said: which changes wait to be written, since when, and up to
// which of the peer's revisions nothing waits. It is told by the one who writes (the reflector), and decides nothing.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { KeyOfPeer } from '../reflect/port.ts';

export interface PeerProgress {
  /** Everything up to this revision of the peer was judged and written; absent while that is not known. */
  readonly reflected: number | undefined;
  /** How long the oldest change that was seen and is not written has been waiting; 0 when none is. */
  readonly lagMs: number;
}

export interface ReflectionProgressDeps {
  readonly clock: Clock;
  /** Everything up to this revision came through the peer's door, and was handed on. */
  readonly seen: (peer: ClusterName) => number | undefined;
}

interface Change {
  readonly at: number;
  /** So many keys wait under it. */
  keys: number;
  /** What was seen up to here was handed on before this change, and so waits, if it does, under an entry of its own. */
  readonly after: number | undefined;
}

interface WaitingKey {
  change: Change;
  inWork: boolean;
  /** Came while the one before was being written, and may be missing from what is. */
  next: Change | undefined;
}

/**
 * So often what was seen of every peer is noted, and not with each batch of keys, since with 250 peers that takes a tenth of a millisecond:
 * that is what a peer is said to be behind by at most, for the few milliseconds in which its first change after a silence waits. Of a peer
 * that changes, each batch of its keys notes it.
 */
export const NOTED_EVERY_MS = 1_000;

/** What waits of one peer. A change names many keys, and counts until the last of them is written. */
class Waiting {
  readonly #keys = new Map<string, WaitingKey>();
  /** Those under which keys wait. */
  readonly changes = new Set<Change>();

  add(key: string, change: Change): void {
    const known = this.#keys.get(key);
    if (known === undefined) {
      this.#wait(key, change);
    } else if (known.inWork) known.next ??= change;
  }

  takeUp(key: string): void {
    const known = this.#keys.get(key);
    if (known === undefined) return;
    known.inWork = true;
    known.next = undefined;
  }

  written(key: string): void {
    const known = this.#keys.get(key);
    if (known === undefined) return;
    const { change, next } = known;
    if (next === undefined) this.#keys.delete(key);
    else this.#wait(key, next);
    change.keys -= 1;
    if (change.keys === 0) this.changes.delete(change);
  }

  #wait(key: string, change: Change): void {
    this.#keys.set(key, { change, inWork: false, next: undefined });
    if (change.keys === 0) this.changes.add(change);
    change.keys += 1;
  }
}

export class ReflectionProgress {
  readonly #deps: ReflectionProgressDeps;
  readonly #waiting = new Map<ClusterName, Waiting>();
  readonly #handedOn = new Map<ClusterName, number | undefined>();
  #writing = false;
  #notedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ReflectionProgressDeps) {
    this.#deps = deps;
  }

  /** This replica begins to write, or does no longer: what waited before says nothing. */
  begin(writing: boolean): void {
    this.#writing = writing;
    this.#waiting.clear();
    this.#handedOn.clear();
    this.#notedAt = Number.NEGATIVE_INFINITY;
  }

  changed(peer: ClusterName, keys: Iterable<string>): void {
    if (!this.#writing) return;
    const change = { at: this.#deps.clock.monotonic(), keys: 0, after: this.#handedOn.get(peer) };
    const waiting = this.#waiting.get(peer) ?? new Waiting();
    this.#waiting.set(peer, waiting);
    for (const key of keys) waiting.add(key, change);
  }

  /** The newest values of these keys are being written. When that fails, they wait on, and are taken up again. */
  takenUp(keys: readonly KeyOfPeer[]): void {
    const peers = new Set<ClusterName>();
    for (const { key, peer } of keys) {
      peers.add(peer);
      this.#waiting.get(peer)?.takeUp(key);
    }
    // Between two batches of the doors: all that was seen has been handed on.
    const now = this.#deps.clock.monotonic();
    const isDue = now - this.#notedAt >= NOTED_EVERY_MS;
    if (isDue) this.#notedAt = now;
    for (const peer of isDue ? this.#waiting.keys() : peers) {
      if (this.#waiting.has(peer)) this.#handedOn.set(peer, this.#deps.seen(peer));
    }
  }

  written(keys: readonly KeyOfPeer[]): void {
    for (const { key, peer } of keys) this.#waiting.get(peer)?.written(key);
  }

  /** Absent on a replica that does not write. Costs by the changes that wait, whatever they touched. */
  of(peer: ClusterName): PeerProgress | undefined {
    if (!this.#writing) return undefined;
    const changes = [...(this.#waiting.get(peer)?.changes ?? [])];
    if (changes.length === 0) return { reflected: this.#deps.seen(peer), lagMs: 0 };
    let oldest = Number.POSITIVE_INFINITY;
    let reflected: number | undefined = Number.POSITIVE_INFINITY;
    for (const { at, after } of changes) {
      oldest = Math.min(oldest, at);
      reflected = after === undefined || reflected === undefined ? undefined : Math.min(reflected, after);
    }
    return { reflected, lagMs: Math.max(0, this.#deps.clock.monotonic() - oldest) };
  }
}

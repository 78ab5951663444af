// How far the own etcd has come with what the doors of the peers said: which changes wait to be written, since when, and up to
// which of the peer's revisions nothing waits. It is told by the one who writes (the reflector), and decides nothing.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { Clock } from '../../runtime/clock.ts';

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
  /** What was seen up to here was handed on before this change, and so waits, if it does, under an entry of its own. */
  readonly after: number | undefined;
}

interface WaitingKey {
  readonly change: Change;
  readonly inWork: boolean;
  /** Came while the one before was being written, and may be missing from what is. */
  readonly next: Change | undefined;
}

/** What waits of one peer. A change names many keys, and counts until the last of them is written. */
class Waiting {
  readonly keys = new Map<string, WaitingKey>();
  /** How many keys wait under each change. */
  readonly #changes = new Map<Change, number>();

  get changes(): Iterable<Change> {
    return this.#changes.keys();
  }

  set(key: string, waiting: WaitingKey | undefined): void {
    const before = this.keys.get(key)?.change;
    if (waiting === undefined) this.keys.delete(key);
    else this.keys.set(key, waiting);
    if (before === waiting?.change) return;
    if (waiting !== undefined) this.#changes.set(waiting.change, (this.#changes.get(waiting.change) ?? 0) + 1);
    if (before === undefined) return;
    const left = (this.#changes.get(before) ?? 1) - 1;
    if (left === 0) this.#changes.delete(before);
    else this.#changes.set(before, left);
  }
}

export class ReflectionProgress {
  readonly #deps: ReflectionProgressDeps;
  readonly #waiting = new Map<ClusterName, Waiting>();
  readonly #handedOn = new Map<ClusterName, number | undefined>();
  #writing = false;

  constructor(deps: ReflectionProgressDeps) {
    this.#deps = deps;
  }

  /** This replica begins to write, or does no longer: what waited before says nothing. */
  begin(writing: boolean): void {
    this.#writing = writing;
    this.#waiting.clear();
    this.#handedOn.clear();
  }

  changed(peer: ClusterName, keys: Iterable<string>): void {
    if (!this.#writing) return;
    const change = { at: this.#deps.clock.monotonic(), after: this.#handedOn.get(peer) };
    const waiting = this.#waiting.get(peer) ?? new Waiting();
    this.#waiting.set(peer, waiting);
    for (const key of keys) {
      const known = waiting.keys.get(key);
      if (known === undefined) waiting.set(key, { change, inWork: false, next: undefined });
      else if (known.inWork && known.next === undefined) waiting.set(key, { ...known, next: change });
    }
  }

  /** The newest values of these keys are being written. When that fails, they wait on, and are taken up again. */
  takenUp(peerOf: (key: string) => ClusterName | undefined, keys: readonly string[]): void {
    for (const key of keys) {
      const waiting = this.#waitingOf(peerOf(key));
      const known = waiting?.keys.get(key);
      if (known !== undefined) waiting?.set(key, { ...known, inWork: true, next: undefined });
    }
    // Between two batches of the doors: all that was seen has been handed on.
    for (const peer of this.#waiting.keys()) this.#handedOn.set(peer, this.#deps.seen(peer));
  }

  written(peerOf: (key: string) => ClusterName | undefined, keys: readonly string[]): void {
    for (const key of keys) {
      const waiting = this.#waitingOf(peerOf(key));
      const next = waiting?.keys.get(key)?.next;
      waiting?.set(key, next && { change: next, inWork: false, next: undefined });
    }
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

  #waitingOf(peer: ClusterName | undefined): Waiting | undefined {
    return peer === undefined ? undefined : this.#waiting.get(peer);
  }
}

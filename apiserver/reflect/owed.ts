// What is owed to a key of the own etcd: the write that makes it what it is to be (desired.ts, and composed.ts for whole services that are
// made of pieces), or none where it is that already, or where nobody can say yet. Keys that are kept although their peer does not ask
// for them are remembered, to be looked at again once that can be said.

import type { ClusterName } from '../../mesh/model/names.ts';
import { encodeTime } from '../../mesh/wire/synced.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import { Turns } from '../../runtime/turns.ts';
import { keepOnce } from '../store/keep-once.ts';
import type { KeyValue, Write } from '../store/port.ts';
import { ComposedCopies } from './composed.ts';
import { type LandedForm, type PeersKey, piecesCanary, wishFor } from './desired.ts';
import type { AdmittedPieces, ReflectedPeer, ReflectedPeers } from './port.ts';

/**
 * Of a turn, for all batches that are read at the same time. Composing the copy of a service takes about a millisecond, and a batch
 * has up to 128 of them; what else is due goes between.
 */
const SHARE_MS = 5;
/** For so long one batch is read before the next of them has its turn. */
const PIECE_MS = 1;

/** What is known of the peers at one moment, looked up once each; valid until others have had their turn. */
export type Outcomes = (name: ClusterName) => ReflectedPeer | undefined;

export interface OwedWritesDeps {
  readonly peers: ReflectedPeers;
  /** The mirror of the own etcd. */
  readonly observed: ReadonlyMap<string, KeyValue>;
  readonly landed: ReadonlyMap<ClusterName, LandedForm>;
  /** The copy at this key had to wait, and may be written now. */
  readonly onDue: (key: string) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export class OwedWrites {
  readonly #deps: OwedWritesDeps;
  readonly #composed: ComposedCopies;
  readonly #turns: Turns;
  /** Keys that are there although their peer does not ask for them, as long as it may still do so. */
  readonly #undecided = new Map<ClusterName, Set<string>>();

  constructor(deps: OwedWritesDeps) {
    this.#deps = deps;
    this.#composed = new ComposedCopies({ clock: deps.clock, log: deps.log, onDue: deps.onDue });
    this.#turns = new Turns(deps.clock, SHARE_MS);
  }

  outcomes(): Outcomes {
    const known = new Map<ClusterName, ReflectedPeer | undefined>();
    return (name) => {
      if (!known.has(name)) known.set(name, this.#deps.peers.peer(name));
      return known.get(name);
    };
  }

  /** In turns: what changes of these keys while the others are read, somebody has to ask for again. */
  writes(keys: Iterable<PeersKey>): Promise<readonly Write[]> {
    return this.#turns.all(this.#read(keys));
  }

  *#read(keys: Iterable<PeersKey>): Generator<undefined, readonly Write[]> {
    const { clock } = this.#deps;
    const writes: Write[] = [];
    let outcomes = this.outcomes();
    let begunAt = clock.monotonic();
    for (const located of keys) {
      const write = this.#write(located, outcomes);
      if (write !== undefined) writes.push(write);
      if (clock.monotonic() - begunAt < PIECE_MS) continue;
      yield;
      outcomes = this.outcomes();
      begunAt = clock.monotonic();
    }
    return writes;
  }

  /** Whether something else is to stand there than does. */
  isOpen(located: PeersKey, outcomes: Outcomes): boolean {
    const pieces = piecesFor(located, outcomes);
    if (pieces === undefined || !this.#mayCompose(located, outcomes))
      return this.#write(located, outcomes) !== undefined;
    return this.#composed.isDue(located.key, pieces, this.#deps.observed.get(located.key)?.value);
  }

  /** More can be said of the peer now: the keys that were kept until then. */
  takeUndecided(name: ClusterName): Iterable<string> {
    const keys = this.#undecided.get(name);
    this.#undecided.delete(name);
    return keys ?? [];
  }

  /** Whose keys are undecided. */
  get undecided(): readonly ClusterName[] {
    return [...this.#undecided.keys()];
  }

  /** Nothing is known, and nothing waits for its time any more. */
  clear(): void {
    this.#undecided.clear();
    this.#composed.clear();
  }

  #write(located: PeersKey, outcomes: Outcomes): Write | undefined {
    const { observed, peers, landed, clock } = this.#deps;
    const { key, peer: name } = located;
    const found = observed.get(key);
    const pieces = piecesFor(located, outcomes);
    if (pieces !== undefined) return this.#composedWrite(located, pieces, found, outcomes);
    if (located.isWhole) this.#composed.forget(key);
    const wish = wishFor(located, outcomes(name), peers.known, { landed, has: (other) => observed.has(other) });
    switch (wish.type) {
      case 'unknown':
        // Also of who is no peer yet: a replica may lead before it has read who its peers are.
        if (found !== undefined) this.#leaveUndecided(located);
        return undefined;
      case 'absence':
        return found === undefined ? undefined : { type: 'delete', key };
      case 'presence':
        return found === undefined ? { type: 'put', key, value: encodeTime(clock.now()) } : undefined;
      case 'value':
        if (found?.value === wish.value) return undefined;
        if (found !== undefined && Buffer.compare(found.value, wish.value) === 0) {
          // The record is in memory once, for the peer and for the own etcd.
          keepOnce(found, wish.value);
          return undefined;
        }
        // Admission holds what it has admitted, and replaces it instead of changing it.
        return { type: 'put', key, value: wish.value, shared: located.source !== undefined };
      default:
        return wish satisfies never;
    }
  }

  #composedWrite(
    located: PeersKey,
    pieces: AdmittedPieces,
    found: KeyValue | undefined,
    outcomes: Outcomes,
  ): Write | undefined {
    const { key } = located;
    const mayCompose = this.#mayCompose(located, outcomes);
    if (!mayCompose && found !== undefined) this.#leaveUndecided(located);
    const value = mayCompose ? this.#composed.next(key, pieces, found?.value) : undefined;
    // Kept for the next one, and never changed.
    return value === undefined ? undefined : { type: 'put', key, value, shared: true };
  }

  /** Of pieces that are all there, and once the view reads them: it is not to read everything twice. */
  #mayCompose({ peer }: PeersKey, outcomes: Outcomes): boolean {
    return outcomes(peer)?.complete === true && this.#deps.observed.has(piecesCanary(peer));
  }

  #leaveUndecided({ key, peer }: PeersKey): void {
    const keys = this.#undecided.get(peer);
    if (keys === undefined) this.#undecided.set(peer, new Set([key]));
    else keys.add(key);
  }
}

/** What a whole service is made of that the peer does not say whole. */
function piecesFor({ isWhole, source, peer }: PeersKey, outcomes: Outcomes): AdmittedPieces | undefined {
  return isWhole && source !== undefined ? outcomes(peer)?.pieces(source) : undefined;
}

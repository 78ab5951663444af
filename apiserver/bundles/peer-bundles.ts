// Takes the bundles that peers announce: judges each against the trust store that is bound to the peer, and writes the store
// that it becomes, which the door and the link to the peer follow. A store that is kept elsewhere than a join does is never written;
// it counts as taken when it says the same. Every replica does this for its own folder; that a bundle was taken is told to the peer
// by the announcer.

import type { ClusterName } from '../../mesh/model/names.ts';
import { decodeTrustBundle, type TrustBundle, takenOf } from '../../mesh/wire/trust-bundle.ts';
import { holdsBundle, judgeBundle } from '../../pki/bundles/judge.ts';
import { keptSequence } from '../../pki/bundles/kept-store.ts';
import { readIfPresent, writePublic } from '../../pki/files.ts';
import { spkiPins } from '../../pki/spki.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';

export interface PeerStores {
  /** Where a join keeps the peer's store, when that is all its document names; undefined for one that is kept elsewhere. */
  pathOf(peer: ClusterName): string | undefined;
  /** PEM texts of the peer's store, as they are in use; undefined for a cluster that is no peer. */
  textsOf(peer: ClusterName): readonly string[] | undefined;
  /** Takes changed files into use. */
  refresh(): Promise<void>;
}

export interface PeerBundlesDeps {
  readonly self: ClusterName;
  readonly stores: PeerStores;
  readonly onChange: () => void;
  /** How much of what peers announce is taken at once. @default GATHER_MS */
  readonly gatherMs?: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface PeerBundleState {
  /** What the peer announces; absent where it cannot be read. */
  readonly announced?: { readonly sequence: number; readonly pins: readonly string[] };
  /** The sequence of the peer's bundle that is in use here. */
  readonly taken?: number;
  /** The sequence of the own bundle that the peer says it has taken. */
  readonly acknowledged?: number;
  /** Why what is announced is not in use. */
  readonly refusal?: BundleRefusal;
}

export interface BundleRefusal {
  readonly reason: string;
  /** Of a bundle without a key that is trusted now. */
  readonly repinned?: { readonly kept: readonly string[]; readonly shown: readonly string[] };
}

/** Stores are changed by people too, whom nobody tells to tell. */
const LOOK_EVERY_MS = 60_000;
/** What is taken is written, and every handshake reads it: a peer that announces all the time costs one round a second. */
const GATHER_MS = 1_000;

export class PeerBundles {
  readonly #deps: PeerBundlesDeps;
  readonly #queue: WorkQueue<ClusterName>;
  readonly #received = new Map<ClusterName, Uint8Array>();
  readonly #states = new Map<ClusterName, PeerBundleState>();

  constructor(deps: PeerBundlesDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      name: 'bundles of peers',
      clock: deps.clock,
      random: deps.random,
      gatherMs: deps.gatherMs ?? GATHER_MS,
      batchMax: Number.POSITIVE_INFINITY,
      work: (peers) => this.#lookAll(peers),
      onError: (error) => deps.log.error('cannot take the authorities of peers', { error }),
    });
  }

  get states(): ReadonlyMap<ClusterName, PeerBundleState> {
    return this.#states;
  }

  /** As it stands at the peer's door; undefined where there is none any more, or the peer is none. */
  receive(peer: ClusterName, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#received.delete(peer);
    else this.#received.set(peer, bytes);
    this.#queue.add(peer);
  }

  async run(signal: AbortSignal): Promise<void> {
    const looking = this.#queue.run(signal);
    while (!signal.aborted) {
      await sleep(this.#deps.clock, LOOK_EVERY_MS, signal).catch(() => {});
      this.#queue.addAll(this.#received.keys());
    }
    await looking;
  }

  /** Gives those for whom it is tried again. */
  async #lookAll(peers: readonly ClusterName[]): Promise<readonly ClusterName[]> {
    const failed: ClusterName[] = [];
    for (const peer of peers) {
      try {
        await this.#look(peer);
      } catch (error) {
        if (!(error instanceof OperationalError)) throw error;
        failed.push(peer);
      }
    }
    return failed;
  }

  async #look(peer: ClusterName): Promise<void> {
    const bytes = this.#received.get(peer);
    if (bytes === undefined || this.#deps.stores.textsOf(peer) === undefined) {
      if (this.#states.delete(peer)) this.#deps.onChange();
      return;
    }
    const read = decodeTrustBundle(bytes);
    if (!read.ok) return this.#enter(peer, { ...this.#states.get(peer), refusal: { reason: read.error } });
    const bundle = read.value;
    const acknowledged = takenOf(bundle, this.#deps.self);
    const seen = acknowledged === undefined ? {} : { acknowledged };
    try {
      this.#enter(peer, { ...seen, ...announcedBy(bundle), ...(await this.#take(peer, bundle)) });
    } catch (error) {
      // It is tried again; until then people see why the bundle is not in use.
      if (error instanceof OperationalError) this.#enter(peer, { ...seen, refusal: { reason: error.message } });
      throw error;
    }
  }

  async #take(peer: ClusterName, bundle: TrustBundle): Promise<PeerBundleState> {
    const { stores, clock, log } = this.#deps;
    const path = stores.pathOf(peer);
    const kept = path === undefined ? undefined : await readIfPresent(path);
    if (path === undefined || kept === undefined) {
      if (holdsBundle(stores.textsOf(peer) ?? [], bundle)) return { taken: bundle.sequence };
      return {
        refusal: { reason: 'its trust store is kept by hand, and says something else: put its ca/ca.pem there' },
      };
    }
    const verdict = judgeBundle({ peer, bundle, kept, now: clock.now() });
    const known = keptSequence(kept);
    const before = known === 0 ? {} : { taken: known };
    switch (verdict.outcome) {
      case 'held':
        return { taken: bundle.sequence };
      case 'taken':
        await writePublic(path, verdict.store);
        await stores.refresh();
        log.info('took the authorities of a peer', { peer, sequence: bundle.sequence, path });
        return { taken: bundle.sequence };
      case 'refused':
        return { ...before, refusal: { reason: verdict.reason } };
      case 'repinned': {
        const reason = 'none of the keys that it announces is trusted: it may be somebody else';
        return { ...before, refusal: { reason, repinned: verdict } };
      }
      default:
        return verdict satisfies never;
    }
  }

  #enter(peer: ClusterName, state: PeerBundleState): void {
    const { log, onChange } = this.#deps;
    const before = this.#states.get(peer);
    this.#states.set(peer, state);
    const reason = state.refusal?.reason;
    if (reason !== undefined && reason !== before?.refusal?.reason) {
      log.warn('authorities of a peer not taken', { peer, reason });
    }
    if (JSON.stringify(before) !== JSON.stringify(state)) onChange();
  }
}

function announcedBy({ sequence, anchors }: TrustBundle): Pick<PeerBundleState, 'announced'> {
  try {
    return { announced: { sequence, pins: spkiPins(anchors) } };
  } catch {
    return {};
  }
}

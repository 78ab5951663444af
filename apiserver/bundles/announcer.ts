// Announces the own authorities: keeps `clustermesh/v1/bundles/<own>` equal to the authorities' file and to what was taken of
// peers. The one writer of this key, while it leads. Level-triggered: whatever happens, the key is read, made anew and compared.

import type { ClusterName } from '../../mesh/model/names.ts';
import { bundleKey, decodeTrustBundle, encodeTrustBundle, type TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { anchorsIn, readAnchors } from '../../pki/bundles/anchors.ts';
import { ownBundle } from '../../pki/bundles/own-bundle.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import type { Condition, Store } from '../store/port.ts';

export interface BundleAnnouncerDeps {
  readonly self: ClusterName;
  readonly store: Pick<Store, 'get' | 'transact'>;
  /** PEM texts of the own authorities, as they are in use. */
  readonly ownCa: () => readonly string[];
  /** What has been taken of each peer, given what the own bundle says of it so far. */
  readonly taken: (before: TrustBundle['taken']) => TrustBundle['taken'];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** Who is a peer may have become known without a word; a look is one read. */
const LOOK_EVERY_MS = 60_000;

export class BundleAnnouncer {
  readonly #deps: BundleAnnouncerDeps;
  readonly #key: string;
  readonly #queue: WorkQueue<string>;
  /** While this replica leads. */
  #fence: Condition | undefined;
  #lastError: string | undefined;

  constructor(deps: BundleAnnouncerDeps) {
    this.#deps = deps;
    this.#key = bundleKey(deps.self);
    this.#queue = new WorkQueue({
      name: 'bundle',
      clock: deps.clock,
      random: deps.random,
      work: (_, signal) => this.#announce(signal),
      onError: (error) => this.#failed(error),
    });
  }

  /** Something that the bundle is made of, or the key itself, may be other than before. */
  look(): void {
    if (this.#fence !== undefined) this.#queue.add(this.#key);
  }

  async lead(signal: AbortSignal, fence: Condition): Promise<void> {
    this.#fence = fence;
    const announcing = this.#queue.run(signal);
    try {
      while (!signal.aborted) {
        this.look();
        await sleep(this.#deps.clock, LOOK_EVERY_MS, signal).catch(() => {});
      }
      await announcing;
    } finally {
      this.#fence = undefined;
    }
  }

  /** It is tried again and again: said once. */
  #failed(error: unknown): void {
    const reason = reasonOf(error);
    if (reason !== this.#lastError) this.#deps.log.warn('cannot announce the own authorities', { error });
    this.#lastError = reason;
  }

  async #announce(signal: AbortSignal): Promise<undefined> {
    const { self, store, ownCa, taken, clock, log } = this.#deps;
    const fence = this.#fence;
    if (fence === undefined) return;
    const found = await store.get(this.#key, signal);
    const read = found === undefined ? undefined : decodeTrustBundle(found.value);
    const before = read?.ok === true ? read.value : undefined;
    const anchors = ownCa().flatMap(anchorsIn);
    const next = ownBundle({ cluster: self, anchors, before, taken: taken(before?.taken ?? {}), now: clock.now() });
    const value = encodeTrustBundle(next);
    const problem = unfit(value, anchors, clock.now());
    if (problem !== undefined) throw notAnnounced(self, problem);
    this.#lastError = undefined;
    if (found !== undefined && Buffer.compare(found.value, value) === 0) return;
    const conditions = [{ key: this.#key, modRevision: found?.modRevision ?? 0 }, fence];
    const { succeeded } = await store.transact([{ type: 'put', key: this.#key, value }], conditions, signal);
    if (!succeeded) throw notAnnounced(self, 'another replica has written it in between');
    if (next.sequence !== before?.sequence) {
      log.info('own authorities announced', { sequence: next.sequence, count: next.anchors.length });
    }
  }
}

/** What peers would refuse is not announced: they keep what they have. */
function unfit(value: Uint8Array, anchors: readonly string[], now: number): string | undefined {
  const read = decodeTrustBundle(value);
  if (!read.ok) return read.error;
  const certificates = readAnchors(anchors, now);
  return certificates.ok ? undefined : certificates.error;
}

const notAnnounced = (cluster: ClusterName, reason: string): OperationalError =>
  new OperationalError({
    code: 'BUNDLE_NOT_ANNOUNCED',
    operation: 'announce the authorities of',
    subject: cluster,
    reason,
    hint: 'look at what trust status says of the own authority; peers keep what was announced last',
    retryable: true,
  });

// Publishes the own cluster into its own etcd: services, nodes, identities, addresses, and what the cluster says about itself.
// Only the replica that leads runs it. It may run again after it ended; an etcd that was wiped or replaced is filled anew.

import type { NumericIdentity } from '../../mesh/model/names.ts';
import type { RecordKindName } from '../../mesh/wire/record.ts';
import { RECORD_KIND_NAMES } from '../../mesh/wire/record-kinds.ts';
import { Backoff } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { Source } from '../sources/port.ts';
import { isFailure } from '../store/failures.ts';
import type { Condition, MirrorBatch, Store } from '../store/port.ts';
import { ClusterOriginRecord } from './cluster-origin.ts';
import { PublisherMeanings } from './failures.ts';
import { HEARTBEAT_INTERVAL_MS, PublishSession } from './session.ts';
import type { ClusterSettings } from './settings.ts';

export interface PublisherDeps {
  readonly store: Store;
  readonly source: Source;
  readonly cluster: ClusterSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** A new random UUID. */
  readonly uuid: () => string;
  /** @default 3_000 */
  readonly heartbeatMs?: number;
}

export interface PublisherError {
  readonly code: string;
  readonly message: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface PublisherState {
  /** This replica leads and writes. */
  readonly publishing: boolean;
  /** Objects and keys whose present state etcd does not hold yet. */
  readonly queueDepth: number;
  readonly lastError: PublisherError | undefined;
  /** Keys that should be there. */
  readonly published: Readonly<Record<RecordKindName | 'localServices', number>>;
  /** Whether everything of a kind that was there at the start has landed. */
  readonly synced: Readonly<Record<RecordKindName, boolean>>;
  readonly identities: { readonly allocated: number; readonly capacity: number };
  readonly leases: number;
}

export interface Publisher {
  readonly state: PublisherState;
  /** Publishes while this replica leads: until the signal aborts, or etcd refuses a write because `fence` no longer holds. */
  run(signal: AbortSignal, fence?: Condition): Promise<void>;
  /** To be called with what a mirror of the own etcd tells, so that losses and changes by others are put right at once. */
  foreignChange(batch: MirrorBatch): void;
  /** What the settings say of the cluster may be other than before: its card is made anew. */
  settingsChanged(): void;
  /** The first peer was configured at that time. Later calls change nothing. */
  markJoined(nowMs: number): void;
}

export function createPublisher(deps: PublisherDeps): Publisher {
  return new EtcdPublisher(deps);
}

class EtcdPublisher implements Publisher {
  readonly #deps: PublisherDeps;
  readonly #origin: ClusterOriginRecord;
  #session: PublishSession | undefined;
  #remembered: ReadonlyMap<string, NumericIdentity> = new Map();
  #joinedAt: number | undefined;
  #lastError: PublisherError | undefined;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#origin = new ClusterOriginRecord(deps);
  }

  get state(): PublisherState {
    const session = this.#session;
    const synced = RECORD_KIND_NAMES.map((kind) => [kind, session?.isSynced(kind) ?? false] as const);
    return {
      publishing: session !== undefined,
      queueDepth: session?.depth ?? 0,
      lastError: this.#lastError,
      published: this.#published(),
      synced: Object.fromEntries(synced) as Record<RecordKindName, boolean>,
      identities: { allocated: session?.identities.numbers.size ?? 0, capacity: session?.identities.capacity ?? 0 },
      leases: session?.writer.leases ?? 0,
    };
  }

  foreignChange(batch: MirrorBatch): void {
    this.#session?.observe(batch);
  }

  settingsChanged(): void {
    this.#session?.originChanged();
  }

  markJoined(nowMs: number): void {
    if (this.#joinedAt !== undefined) return;
    this.#joinedAt = nowMs;
    this.#session?.originChanged();
  }

  async run(signal: AbortSignal, fence?: Condition): Promise<void> {
    const { clock, random, log } = this.#deps;
    const backoff = new Backoff(random);
    while (!signal.aborted) {
      const startedAt = clock.monotonic();
      const session = this.#createSession(fence);
      this.#session = session;
      try {
        await session.run(signal);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof OperationalError)) throw error;
        this.#onError(error);
        if (isFailure(error, PublisherMeanings.fenced)) break;
        log.info('publishing starts again', { error });
        if (clock.monotonic() - startedAt > STABLE_MS) backoff.reset();
        await sleep(clock, backoff.next(), signal).catch(() => {});
      } finally {
        if (session.identities.numbers.size > 0) this.#remembered = new Map(session.identities.numbers);
        this.#session = undefined;
      }
    }
  }

  #createSession(fence: Condition | undefined): PublishSession {
    return new PublishSession({
      ...this.#deps,
      heartbeatMs: this.#deps.heartbeatMs ?? HEARTBEAT_INTERVAL_MS,
      origin: this.#origin,
      fence,
      remembered: this.#remembered,
      joinedAt: () => this.#joinedAt,
      onError: (error) => this.#onError(error),
    });
  }

  #published(): PublisherState['published'] {
    const count = (kind: string) => this.#session?.writer.count(kind) ?? 0;
    return {
      services: count('services'),
      nodes: count('nodes'),
      identities: count('identities'),
      ip: count('ip'),
      specs: count('specs'),
      heads: count('heads'),
      slices: count('slices'),
      localServices: count('localServices'),
    };
  }

  #onError(error: unknown): void {
    const { clock, log } = this.#deps;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof OperationalError ? error.code : 'PUBLISHER_BUG';
    if (this.#lastError?.message !== message) log.warn('cannot publish', { error });
    this.#lastError = { code, message, at: clock.now() };
  }
}

/** A session that lasted this long was no failed attempt: the pauses start again from the shortest. */
const STABLE_MS = 30_000;

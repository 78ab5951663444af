// The cluster's own etcd: one client, and one mirror whose batches go to everybody who works from it, in a fixed order: first to
// those who pass them on, then to those who compare and write.

import { EPOCH_KEY } from '../mesh/wire/epoch.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { channelCredentials } from '../runtime/tls/shared-credentials.ts';
import type { TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import { type EtcdClient, openEtcd } from './store/etcd-client.ts';
import type { Mirror, MirrorBatch, MirrorObserver } from './store/port.ts';

/** Whoever is told takes some microseconds for each: after so many, others have their turn. */
const DIFFERENCES_PER_TURN = 1_000;
/**
 * While it is away, nothing that peers say gets to a node. It is close by and has an API server or a few: it is tried again much sooner
 * than a peer's door, which may be far away and has hundreds of clients.
 */
const BACKOFF = { delayMsMin: 100, delayMsMax: 2_000 };
/** Everything that the mesh keeps; what else is in this etcd is nobody's here. */
const PREFIXES = ['cilium/', 'clustermesh/'];

export interface OwnEtcdDeps {
  readonly endpoints: readonly string[];
  readonly tls: TlsFilesFollower;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly health: Health;
}

export class OwnEtcd {
  readonly store: EtcdClient;
  readonly mirror: Mirror;
  /** Resolves with the first complete list. */
  readonly listed: Promise<void>;
  readonly #observers: MirrorObserver[] = [];
  readonly #followers: MirrorObserver[] = [];
  /** The differences of a list are being told, and the last of them have not come. */
  #inList = false;
  #resolveListed = (): void => {};

  constructor({ endpoints, tls, clock, random, log, health }: OwnEtcdDeps) {
    const etcdLog = log.child({ part: 'etcd' });
    this.store = openEtcd({
      endpoints: endpoints.map((endpoint) => endpoint.replace(/^https:\/\//, '')),
      credentials: channelCredentials(tls.source),
      clock,
      random,
      log: etcdLog,
    });
    this.listed = new Promise((resolve) => {
      this.#resolveListed = resolve;
    });
    health.set('etcd', 'starting', 'not listed yet');
    this.mirror = this.store.createMirror({
      prefixes: PREFIXES,
      spanning: true,
      differencesPerTurn: DIFFERENCES_PER_TURN,
      limits: { backoff: BACKOFF },
      observer: {
        onBatch: (batch) => this.#deliver(batch),
        onState: (state) => {
          if (state.phase === 'live') health.set('etcd', 'ok');
          else if (state.position !== undefined) {
            health.set('etcd', 'degraded', state.lastError?.message ?? 'following again');
          }
          for (const observer of [...this.#observers, ...this.#followers]) observer.onState?.(state);
        },
      },
    });
  }

  /** For those who pass on what they are told. Before the mirror runs, as `follow`. */
  observe(observer: MirrorObserver): void {
    this.#observers.push(observer);
  }

  /** For those who draw conclusions: they are told in the next turn, when what was passed on has left this process. */
  follow(observer: MirrorObserver): void {
    this.#followers.push(observer);
  }

  get part(): Part {
    return { name: 'etcd', run: (signal) => this.mirror.run(signal), stop: async () => this.store.close() };
  }

  #deliver(received: MirrorBatch): void {
    const batch = received.more === true && !this.#inList ? this.#withEpoch(received) : received;
    this.#inList = received.more === true;
    for (const observer of this.#observers) observer.onBatch(batch);
    setImmediate(() => {
      for (const follower of this.#followers) follower.onBatch(batch);
      if (batch.more !== true) this.#resolveListed();
    });
  }

  /**
   * Whether the etcd is filled stands ahead of a list that comes in pieces: those who hold back what is not (filled-history.ts)
   * need to know it before the first of them.
   */
  #withEpoch(batch: MirrorBatch): MirrorBatch {
    const kv = this.mirror.entries.get(EPOCH_KEY);
    const gone = { type: 'delete', key: EPOCH_KEY, modRevision: batch.position.revision } as const;
    return { ...batch, events: [kv === undefined ? gone : { type: 'put', kv }, ...batch.events] };
  }
}

// The cluster's own etcd: one client, and one mirror whose batches go to everybody who works from it, in a fixed order: first to
// those who pass them on, then to those who compare and write.

import type { Clock } from '../runtime/clock.ts';
import type { Health } from '../runtime/health.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { channelCredentials } from '../runtime/tls/certificate-source.ts';
import type { TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import { type EtcdClient, openEtcd } from './store/etcd-client.ts';
import type { Mirror, MirrorBatch, MirrorObserver } from './store/port.ts';

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

  #deliver(batch: MirrorBatch): void {
    for (const observer of this.#observers) observer.onBatch(batch);
    setImmediate(() => {
      for (const follower of this.#followers) follower.onBatch(batch);
      this.#resolveListed();
    });
  }
}

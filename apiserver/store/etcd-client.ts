// A client of one etcd, or of a peer's door, which speaks the same API: composes connection, keys, leases and watches.

import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { EtcdConnection } from './connection.ts';
import { EtcdWire } from './etcd-wire.ts';
import { Meanings, storeFailure } from './failures.ts';
import { prefixRange } from './key-range.ts';
import { EtcdKeys } from './kv.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { createMirror } from './mirror.ts';
import { pagesOf, readKeys } from './pages.ts';
import type { MirroringStore } from './port.ts';
import { SentValues } from './sent-values.ts';
import { openWatchStream } from './watch-stream.ts';

export interface EtcdOptions {
  /** `host:port`; all of them are members of one etcd, and one at a time is used. */
  readonly endpoints: readonly string[];
  readonly credentials: ChannelCredentials;
  /** Over this client's own: a name to check the server's certificate for, for example. */
  readonly channelOptions?: ChannelOptions;
  /** Another connection is in use, made with the certificates of now. */
  readonly onConnect?: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface EtcdClient extends MirroringStore {
  /**
   * Puts a connection that is made with the certificates of now in the place of the one in use; mirrors then have to `resume`.
   * Rejects where the other side does not take it, and leaves everything as it is.
   */
  renewConnection(signal: AbortSignal): Promise<void>;
}

/** Connects when first used. */
export function openEtcd(options: EtcdOptions): EtcdClient {
  if (options.endpoints.length === 0) {
    throw storeFailure(Meanings.failed, { operation: 'open etcd', reason: 'no endpoint is given' });
  }
  const { clock, random, log } = options;
  const connection = new EtcdConnection(options);
  const onForeignKey = (key: Uint8Array): void =>
    log.warn('ignored a key that is not UTF-8 text', { keyHex: Buffer.from(key).toString('hex') });
  const sent = new SentValues();
  const keys = new EtcdKeys({ connection, onForeignKey, sent });
  const leases = new LeaseKeeper({ connection, clock, random, log });
  const source = {
    readPage: keys.readPage.bind(keys),
    readPages: keys.readPages.bind(keys),
    openWatch: openWatchStream.bind(undefined, { connection, onForeignKey, sent }),
  };
  return {
    get: (key, signal) => keys.get(key, signal),
    getAll: (names, signal) => readKeys(source, names, signal),
    list: (prefix, signal) => pagesOf(source, { range: prefixRange(prefix), signal }),
    transact: (writes, conditions = [], signal) => keys.transact(writes, conditions, signal),
    grantLease: (ttlSeconds, signal) => leases.grant(ttlSeconds, signal),
    adoptLeases: (ids, ttlSecondsMin, signal) => leases.adopt(ids, ttlSecondsMin, signal),
    status: (signal) => keys.status(signal),
    renewConnection: async (signal) => {
      await connection.renew(EtcdWire.status, {}, { operation: 'renew connection', signal });
    },
    createMirror: (mirror) => createMirror({ source, clock, random, log }, mirror),
    close() {
      leases.close();
      connection.close();
    },
  };
}

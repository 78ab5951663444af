// Moves the connection to a peer's door over to new certificates, before the door has to end it: a connection is as good as the
// certificates it was made with, whatever the files say since. The new one is made and asked first; then the watches go on over it
// where they were. Nothing is dropped, and where the door does not take the new certificate the old connection stays.

import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { CertificateSource } from '../../runtime/tls/certificate-source.ts';
import type { TlsMaterial } from '../../runtime/tls/material.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import type { Mirror } from '../store/port.ts';

export interface RenewableConnection {
  renewConnection(signal: AbortSignal): Promise<void>;
}

export interface ConnectionRenewalDeps {
  readonly source: CertificateSource;
  readonly connection: RenewableConnection;
  readonly mirrors: Iterable<Mirror>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A cluster that renews its certificate comes to hundreds of doors, and hundreds may come to one. */
const SPREAD_MS = 3_000;

export class ConnectionRenewal {
  readonly #deps: ConnectionRenewalDeps;
  readonly #queue: WorkQueue<'connection'>;

  constructor(deps: ConnectionRenewalDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      name: 'connection',
      clock: deps.clock,
      random: deps.random,
      gatherMs: Math.round(SPREAD_MS * deps.random.next()),
      batchMax: Number.POSITIVE_INFINITY,
      work: (_, signal) => this.#renew(signal),
      onError: (error) => deps.log.warn('the connection stays with its old certificates', { error }),
    });
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { source } = this.#deps;
    let made = credentialsOf(source.material);
    const stop = source.onChange(() => {
      const now = credentialsOf(source.material);
      if (now !== made) this.#queue.add('connection');
      made = now;
    });
    try {
      await this.#queue.run(signal);
    } finally {
      stop();
    }
  }

  async #renew(signal: AbortSignal): Promise<undefined> {
    await this.#deps.connection.renewConnection(signal);
    for (const mirror of this.#deps.mirrors) mirror.resume();
    this.#deps.log.info('connection moved over to new certificates');
  }
}

/** What a handshake is made of: text between the certificates is not. */
const credentialsOf = ({ ca, certificate }: TlsMaterial): string =>
  [ca, certificate].flatMap((text) => certificatesOf(text).map(({ fingerprint256 }) => fingerprint256)).join();

// gRPC connections to the endpoints of one etcd, one in use at a time. A failure to reach one moves on to the next and opens
// a new connection, so that pauses between attempts are the caller's and new addresses and certificates are picked up; calls
// that run on the old connection may finish there. This file retries nothing.

import { type ChannelCredentials, type ChannelOptions, Client, Metadata, type MethodDefinition } from '@grpc/grpc-js';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import { openStream } from '../../runtime/stream-call.ts';
import { callUnary } from '../../runtime/unary-call.ts';
import { isFailure, Meanings } from './failures.ts';
import { type Attempt, attemptFailed, failureOf } from './grpc-failures.ts';

/** etcd puts up to 1000 revisions into one watch message and pages hold 5000 keys: gRPC's 4 MiB would break both. */
const RECEIVE_BYTES_MAX = 128 * 1024 * 1024;
/** Bytes in flight per stream: 64 KiB, the default, would be 640 kB/s to a peer 100 ms away. */
const FLOW_CONTROL_WINDOW_BYTES = 8 * 1024 * 1024;
/** etcd ends connections that ping more often than every 5 s. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;
/**
 * For TCP, TLS and HTTP/2 together. The kernel repeats a lost SYN after 1, 2, 4 … 32 s: without this, a link that is back
 * would stay unused for as long as it was down.
 */
const CONNECT_TIMEOUT_MS = 5_000;
/** For calls whose answer is small; pages have their own. */
const CALL_TIMEOUT_MS = 10_000;

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': RECEIVE_BYTES_MAX,
  'grpc.max_send_message_length': RECEIVE_BYTES_MAX,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  // A new client makes a new handshake, with the certificates of now.
  'grpc.use_local_subchannel_pool': 1,
  // An etcd is never reached through the proxy that the environment names for the web, nor described by DNS records.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
};

export interface ConnectionDeps {
  /** `host:port`, tried in turn. */
  readonly endpoints: readonly string[];
  readonly credentials: ChannelCredentials;
  readonly channelOptions?: ChannelOptions;
  /** Another connection is in use, made with the certificates of now. */
  readonly onConnect?: (() => void) | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface CallOptions {
  readonly operation: string;
  readonly subject?: string;
  /** @default 10_000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface DuplexOptions<Res> {
  readonly operation: string;
  readonly subject?: string;
  /**
   * An OperationalError that it throws ends the stream; anything else is a bug and is not caught. The next message is read once what this
   * returns resolves; it does not reject.
   */
  readonly onMessage: (message: Res) => Promise<void> | undefined;
  /** Once, last; not after `close`. */
  readonly onEnd: (error: OperationalError) => void;
}

export interface Duplex<Req> {
  send(message: Req): void;
  close(): void;
}

interface Channel {
  readonly endpoint: string;
  readonly client: Client;
}

export class EtcdConnection {
  readonly #deps: ConnectionDeps;
  #channel: Channel | undefined;
  #attempts = 0;
  #closed = false;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
  }

  async unary<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, options: CallOptions): Promise<Res> {
    const { signal } = options;
    signal?.throwIfAborted();
    const channel = this.#open(options);
    try {
      return await this.#ask(channel, method, request, options);
    } catch (error) {
      signal?.throwIfAborted();
      if (isFailure(error, Meanings.unreachable)) this.#leave(channel, error);
      throw error;
    }
  }

  /**
   * Makes a connection beside the one in use, with the certificates of now, and asks something over it. Once that is answered the
   * new one is in use, and what runs on the old one may finish there; else everything stays as it is.
   */
  async renew<Req, Res>(method: MethodDefinition<Req, Res>, request: Req, options: CallOptions): Promise<Res> {
    const before = this.#open(options);
    const beside = this.#connect(before.endpoint);
    try {
      const answer = await this.#ask(beside, method, request, options);
      if (this.#closed || this.#channel !== before) {
        // It was left meanwhile: what follows it is as new as this one.
        beside.client.close();
        return answer;
      }
      this.#channel = beside;
      this.#deps.onConnect?.();
      before.client.close();
      return answer;
    } catch (error) {
      beside.client.close();
      throw error;
    }
  }

  async #ask<Req, Res>(
    channel: Channel,
    method: MethodDefinition<Req, Res>,
    request: Req,
    options: CallOptions,
  ): Promise<Res> {
    const { signal } = options;
    const attempt = { ...options, endpoint: channel.endpoint };
    let stop = (): void => {};
    try {
      return await new Promise<Res>((resolve, reject) => {
        const deadline = this.#deps.clock.now() + (options.timeoutMs ?? CALL_TIMEOUT_MS);
        stop = callUnary(channel.client, method, request, deadline, (answer) => {
          if ('response' in answer) resolve(answer.response);
          else reject(failureOf(attempt, answer.refusal));
        });
        signal?.addEventListener('abort', stop, { once: true });
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  duplex<Req, Res>(method: MethodDefinition<Req, Res>, options: DuplexOptions<Res>): Duplex<Req> {
    const channel = this.#open(options);
    const attempt = { ...options, endpoint: channel.endpoint };
    const metadata = new Metadata();
    // An etcd member that has lost its leader ends the stream instead of going silent.
    metadata.set('hasleader', 'true');
    let ended = false;
    const end = (error: OperationalError): void => {
      if (ended) return;
      ended = true;
      stream.cancel();
      if (isFailure(error, Meanings.unreachable)) this.#leave(channel, error);
      options.onEnd(error);
    };
    const stream = openStream(channel.client, method, metadata, {
      onMessage: (message) => {
        if (ended) return undefined;
        try {
          return options.onMessage(message);
        } catch (error) {
          if (!(error instanceof OperationalError)) throw error;
          end(error);
          return undefined;
        }
      },
      onEnd: (status) =>
        end(status.code === 0 ? unreachable(attempt, 'the other side ended the stream') : failureOf(attempt, status)),
    });
    return {
      send(message) {
        if (!ended) stream.send(message);
      },
      close() {
        ended = true;
        stream.cancel();
      },
    };
  }

  close(): void {
    this.#closed = true;
    this.#channel?.client.close();
    this.#channel = undefined;
  }

  #open(options: { readonly operation: string }): Channel {
    if (this.#closed) throw unreachable({ ...options, endpoint: 'etcd' }, 'the connection was closed by this side');
    if (this.#channel !== undefined) return this.#channel;
    const { endpoints } = this.#deps;
    const endpoint = endpoints[this.#attempts % endpoints.length];
    if (endpoint === undefined) throw unreachable({ ...options, endpoint: 'etcd' }, 'no endpoints are configured');
    const channel = this.#connect(endpoint);
    this.#channel = channel;
    this.#deps.onConnect?.();
    channel.client.waitForReady(this.#deps.clock.now() + CONNECT_TIMEOUT_MS, (error) => {
      if (error !== undefined) this.#leave(channel, error);
    });
    return channel;
  }

  #connect(endpoint: string): Channel {
    const { credentials, channelOptions } = this.#deps;
    return { endpoint, client: new Client(endpoint, credentials, { ...CHANNEL_OPTIONS, ...channelOptions }) };
  }

  /** Many calls fail together when a connection breaks: only the first moves on. */
  #leave(channel: Channel, error: unknown): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    this.#attempts += 1;
    channel.client.close();
    this.#deps.log.debug('left etcd endpoint', { endpoint: channel.endpoint, reason: reasonOf(error) });
  }
}

const unreachable = (attempt: Attempt, reason: string): OperationalError =>
  attemptFailed(attempt, Meanings.unreachable, reason);

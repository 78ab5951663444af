// One stream to one API server, from hello to its end. It reads messages, takes silence for an end, and keeps at most one
// acknowledgement unsent: a newer one replaces it. What the messages mean for the agent is decided by who opened it.

import { type ChannelCredentials, Client, type ClientDuplexStream, type ServiceError, status } from '@grpc/grpc-js';
import type { Result } from '../../mesh/model/result.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import { encodeAck, encodeHello, type Hello } from '../../mesh/wire/agent-message.ts';
import { type AgentTrust, sameTrust } from '../../mesh/wire/agent-trust.ts';
import { SILENCE_MS, SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';
import { MeshReader, type ServerEvent } from '../../mesh/wire/mesh-reader.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';

export interface SubscriptionDeps {
  readonly server: string;
  readonly credentials: ChannelCredentials;
  /** The name that the server's certificate must carry; absent: the host of its address. */
  readonly serverName: string | undefined;
  /** What this agent shows and accepts now. */
  readonly trust?: (() => AgentTrust) | undefined;
  readonly clock: Clock;
  /** What a message leads to; an error ends the stream. */
  readonly onEvent: (event: ServerEvent) => Result<void, string>;
}

const CLIENT_OPTIONS = {
  // A snapshot comes in chunks of about 64 KiB; nothing that a server sends is near this.
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // How much a server may send ahead. With HTTP/2's 64 KiB a snapshot of 2 MB waits for 30 round trips.
  'grpc-node.flow_control_window': 1024 * 1024,
  // Attempts, and the pauses between them, are the upstream's; agents of one process share no connection.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

export class Subscription {
  readonly #deps: SubscriptionDeps;
  #call: ClientDuplexStream<Uint8Array, Uint8Array> | undefined;
  #unsent: AckReport | undefined;
  /** What the server was told last. */
  #toldTrust: AgentTrust | undefined;
  #sending = false;

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
  }

  acknowledge(ack: AckReport): void {
    this.#unsent = ack;
    this.#sendAck();
  }

  /** Rejects with why the stream ended: UPSTREAM_UNREACHABLE, UPSTREAM_REFUSED, UPSTREAM_SILENT or UPSTREAM_INVALID. */
  async run(hello: Hello, signal: AbortSignal): Promise<never> {
    const { server, credentials, serverName, clock, onEvent } = this.#deps;
    const target = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
    const client = new Client(server, credentials, { ...CLIENT_OPTIONS, ...target });
    const { path, requestSerialize, responseDeserialize } = SUBSCRIBE;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    let cancelSilence = () => {};
    let stopListening = () => {};
    try {
      return await new Promise<never>((_, reject) => {
        const reader = new MeshReader();
        const heard = () => {
          cancelSilence();
          cancelSilence = clock.after(SILENCE_MS, () => reject(silent(server)));
        };
        call.on('data', (bytes: Uint8Array) => {
          heard();
          const event = reader.read(bytes);
          const taken = event.ok ? onEvent(event.value) : event;
          if (!taken.ok) reject(invalid(server, taken.error));
        });
        call.on('error', (error: ServiceError) => reject(ended(server, error)));
        call.on('end', () => reject(ended(server, undefined)));
        const abort = () => reject(signal.reason);
        signal.addEventListener('abort', abort, { once: true });
        stopListening = () => signal.removeEventListener('abort', abort);
        heard();
        this.#toldTrust = this.#deps.trust?.();
        call.write(encodeHello({ ...hello, trust: this.#toldTrust }));
        this.#call = call;
        this.#sendAck();
      });
    } finally {
      cancelSilence();
      stopListening();
      this.#call = undefined;
      call.cancel();
      client.close();
    }
  }

  #sendAck(): void {
    const ack = this.#unsent;
    if (ack === undefined || this.#call === undefined || this.#sending) return;
    const trust = this.#deps.trust?.();
    const isKnown = sameTrust(trust, this.#toldTrust);
    this.#toldTrust = trust;
    this.#unsent = undefined;
    this.#sending = true;
    this.#call.write(encodeAck(ack, isKnown ? undefined : trust), () => {
      this.#sending = false;
      this.#sendAck();
    });
  }
}

const OPERATION = 'follow API server';

function silent(server: string): OperationalError {
  const reason = `nothing was heard for ${SILENCE_MS / 1000} s`;
  return new OperationalError({
    code: 'UPSTREAM_SILENT',
    operation: OPERATION,
    subject: server,
    reason,
    retryable: true,
  });
}

function invalid(server: string, reason: string): OperationalError {
  return new OperationalError({
    code: 'UPSTREAM_INVALID',
    operation: OPERATION,
    subject: server,
    reason,
    retryable: true,
  });
}

function ended(server: string, error: ServiceError | undefined): OperationalError {
  const common = { operation: OPERATION, subject: server, retryable: true, cause: error };
  if (error === undefined)
    return new OperationalError({ ...common, code: 'UPSTREAM_UNREACHABLE', reason: 'it ended the stream' });
  const reason = error.details || error.message;
  if (error.code === status.PERMISSION_DENIED || error.code === status.UNAUTHENTICATED) {
    const hint = "give the agent a certificate of its cluster's authority that names its node";
    return new OperationalError({ ...common, code: 'UPSTREAM_REFUSED', reason, hint });
  }
  return new OperationalError({ ...common, code: 'UPSTREAM_UNREACHABLE', reason });
}

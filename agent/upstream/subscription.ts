// One stream to one API server, from hello to its end. It reads messages, and keeps at most one acknowledgement unsent: a newer one
// replaces it. What the messages mean for the agent is decided by who opened it.

import { type ChannelCredentials, status } from '@grpc/grpc-js';
import type { Result } from '../../mesh/model/result.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import { encodeAck, encodeHello, type Hello } from '../../mesh/wire/agent-message.ts';
import { type AgentTrust, sameTrust } from '../../mesh/wire/agent-trust.ts';
import { SILENCE_MS, SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';
import { MeshReader, type ServerEvent } from '../../mesh/wire/mesh-reader.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { StreamCall } from '../../runtime/stream-call.ts';
import { followStream, reasonOfEnd, type StreamEnd, type StreamFollower } from './server-stream.ts';

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

/**
 * Between two acknowledgements; the first one after a pause goes at once. Each is a message that the API server reads, of every agent: of
 * five hundred agents and twenty changes a second it would be ten thousand. How far an agent is behind is known to within this.
 */
export const ACK_EVERY_MS = 1_000;

export class Subscription {
  readonly #deps: SubscriptionDeps;
  #call: StreamCall<Uint8Array> | undefined;
  #unsent: AckReport | undefined;
  /** What the server was told last. */
  #toldTrust: AgentTrust | undefined;
  #sending = false;
  #sentAt = Number.NEGATIVE_INFINITY;
  #cancelAck: (() => void) | undefined;

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
  }

  acknowledge(ack: AckReport): void {
    this.#unsent = ack;
    this.#sendAck();
  }

  /** Rejects with why the stream ended: UPSTREAM_UNREACHABLE, UPSTREAM_REFUSED, UPSTREAM_SILENT or UPSTREAM_INVALID. */
  async run(hello: Hello, signal: AbortSignal): Promise<never> {
    const { server, trust, onEvent } = this.#deps;
    const reader = new MeshReader();
    const follower: StreamFollower = {
      onOpen: (call) => {
        this.#toldTrust = trust?.();
        call.send(encodeHello({ ...hello, trust: this.#toldTrust }));
        this.#call = call;
        this.#sendAck();
      },
      onMessage: (bytes) => {
        const event = reader.read(bytes);
        return event.ok ? onEvent(event.value) : event;
      },
    };
    try {
      const stream = { ...this.#deps, method: SUBSCRIBE };
      throw failureOf(server, await followStream(stream, follower, signal));
    } finally {
      this.#call = undefined;
      this.#cancelAck?.();
    }
  }

  #sendAck(): void {
    const ack = this.#unsent;
    if (ack === undefined || this.#call === undefined || this.#sending || !this.#isTime()) return;
    const trust = this.#deps.trust?.();
    const isKnown = sameTrust(trust, this.#toldTrust);
    this.#toldTrust = trust;
    this.#unsent = undefined;
    this.#sending = true;
    this.#call.send(encodeAck(ack, isKnown ? undefined : trust), () => {
      this.#sending = false;
      this.#sendAck();
    });
  }

  /** Whether one may go now; otherwise it is looked at again when it may. */
  #isTime(): boolean {
    const { clock } = this.#deps;
    const now = clock.monotonic();
    const waitMs = this.#sentAt + ACK_EVERY_MS - now;
    if (waitMs <= 0) {
      this.#sentAt = now;
      return true;
    }
    this.#cancelAck ??= clock.after(waitMs, () => {
      this.#cancelAck = undefined;
      this.#sendAck();
    });
    return false;
  }
}

function failureOf(server: string, end: StreamEnd): OperationalError {
  const common = { operation: 'follow API server', subject: server, retryable: true };
  switch (end.type) {
    case 'silent': {
      const reason = `nothing was heard for ${SILENCE_MS / 1000} s`;
      return new OperationalError({ ...common, code: 'UPSTREAM_SILENT', reason });
    }
    case 'invalid':
      return new OperationalError({ ...common, code: 'UPSTREAM_INVALID', reason: end.reason });
    case 'ended': {
      const { code } = end.status;
      const reason = reasonOfEnd(end.status);
      if (code !== status.PERMISSION_DENIED && code !== status.UNAUTHENTICATED)
        return new OperationalError({ ...common, code: 'UPSTREAM_UNREACHABLE', reason });
      const hint = "give the agent a certificate of its cluster's authority that names its node";
      return new OperationalError({ ...common, code: 'UPSTREAM_REFUSED', reason, hint });
    }
    default:
      return end satisfies never;
  }
}

// Follows whose the addresses of peers' pods are, at any one of the cluster's API servers, and goes on with the next when that one fails.
// A stream of its own beside the snapshot's: neither waits for the other. What it hears it hands on; it keeps nothing but its
// place.

import { type ChannelCredentials, status } from '@grpc/grpc-js';
import type { Result } from '../../mesh/model/result.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import { type AddressesPart, encodeFollowAddresses, parseAddressesPart } from '../../mesh/wire/addresses.ts';
import { MESH_PROTOCOL } from '../../mesh/wire/agent-message.ts';
import { FOLLOW_ADDRESSES } from '../../mesh/wire/mesh-method.ts';
import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { followStream, reasonOfEnd, type StreamEnd, type StreamFollower } from './server-stream.ts';

export interface AddressUpstreamDeps {
  /** `host:port` of each API server; at least one. */
  readonly servers: readonly string[];
  readonly credentials: ChannelCredentials;
  /** The name that the servers' certificates carry. */
  readonly serverName: string;
  /** As the agent's certificate names it. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly receive: (part: AddressesPart) => void;
}

/** As the snapshot's: a hundred agents that lost one server come back within this, spread over it. */
const BACKOFF: BackoffOptions = { delayMsMin: 50, delayMsMax: 5_000, jitter: 0.8 };
export class AddressUpstream {
  readonly #deps: AddressUpstreamDeps;
  /** What was received whole. */
  #held: Position | undefined;
  #lastError: string | undefined;

  constructor(deps: AddressUpstreamDeps) {
    this.#deps = deps;
  }

  /** Follows until the signal aborts; never rejects for a reason that a retry may cure. */
  async run(signal: AbortSignal): Promise<void> {
    const { servers, clock, random, log } = this.#deps;
    const backoff = new Backoff(random, BACKOFF);
    let turn = Math.floor(random.next() * servers.length);
    while (!signal.aborted) {
      const server = servers[turn % servers.length] ?? '';
      await this.#follow(server, signal, () => backoff.reset()).catch((error) => {
        const reason = reasonOf(error);
        if (!signal.aborted && reason !== this.#lastError) log.warn('addresses are not followed', { server, error });
        this.#lastError = reason;
      });
      turn += 1;
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
  }

  async #follow(server: string, signal: AbortSignal, onHeard: () => void): Promise<never> {
    const { node } = this.#deps;
    const follower: StreamFollower = {
      onOpen: (call) => {
        call.send(encodeFollowAddresses({ node, protocol: MESH_PROTOCOL, resume: this.#held }));
        call.halfClose();
      },
      onMessage: (bytes) => {
        const taken = this.#receive(bytes);
        if (taken.ok) onHeard();
        return taken;
      },
    };
    throw failureOf(server, await followStream({ ...this.#deps, server, method: FOLLOW_ADDRESSES }, follower, signal));
  }

  #receive(bytes: Uint8Array): Result<void, string> {
    const part = parseAddressesPart(bytes);
    if (!part.ok) return part;
    const { to, more } = part.value;
    if (!more) this.#held = to;
    this.#lastError = undefined;
    this.#deps.receive(part.value);
    return { ok: true, value: undefined };
  }
}

function failureOf(server: string, end: StreamEnd): OperationalError {
  switch (end.type) {
    case 'silent':
      return lost(server, 'nothing was heard');
    case 'invalid':
      return lost(server, end.reason);
    case 'ended':
      return end.status.code === status.UNIMPLEMENTED ? older(server) : lost(server, reasonOfEnd(end.status));
    default:
      return end satisfies never;
  }
}

const lost = (server: string, reason: string): OperationalError =>
  new OperationalError({
    code: 'UPSTREAM_UNREACHABLE',
    operation: 'follow addresses',
    subject: server,
    reason,
    retryable: true,
  });

/** It is asked again and again, at little cost: the next one may be of a newer version, and this one be upgraded. */
const older = (server: string): OperationalError =>
  new OperationalError({
    code: 'UPSTREAM_OLDER',
    operation: 'follow addresses',
    subject: server,
    reason: 'this API server does not tell them',
    hint: "services are programmed all the same, and peers' pods have no names here: upgrade it, or take address-stream out of its setting withhold",
    retryable: true,
  });

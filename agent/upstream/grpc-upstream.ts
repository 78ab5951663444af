// The upstream over gRPC: follows any one of the cluster's API servers, and goes on with the next when that one fails. All of
// them build their snapshots from the same etcd, so that what was received from one is continued by another. The snapshot is
// kept whatever happens to connections.

import type { ChannelCredentials } from '@grpc/grpc-js';
import { ok, type Result } from '../../mesh/model/result.ts';
import type { MeshSnapshot, Position } from '../../mesh/snapshot/snapshot.ts';
import { MESH_PROTOCOL } from '../../mesh/wire/agent-message.ts';
import type { ServerEvent } from '../../mesh/wire/mesh-reader.ts';
import { Backoff, type BackoffOptions } from '../../runtime/backoff.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { AckReport, ChangedServices, SnapshotListener, Upstream, UpstreamState } from './port.ts';
import { receiveDelta, receiveSnapshot } from './received.ts';
import type { SaidTrust } from './said-trust.ts';
import { Subscription } from './subscription.ts';

export interface GrpcUpstreamDeps {
  /** `host:port` of each API server; at least one. */
  readonly servers: readonly string[];
  readonly credentials: ChannelCredentials;
  /** The name that the servers' certificates carry, whatever their addresses. */
  readonly serverName?: string;
  /** As the agent's certificate names it. */
  readonly node: string;
  readonly software: string;
  /** Told to API servers, again when it is another. */
  readonly trust?: SaidTrust;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** `state` has changed. */
  readonly onState?: (state: UpstreamState) => void;
}

export const createGrpcUpstream = (deps: GrpcUpstreamDeps): Upstream => new GrpcUpstream(deps);

/** A hundred agents that lost one server come back within this, spread over it. */
const BACKOFF: BackoffOptions = { delayMsMin: 50, delayMsMax: 5_000, jitter: 0.8 };
/** A stream that stood this long was no failed attempt: the pauses start again from the shortest. */
const STABLE_MS = 5_000;

class GrpcUpstream implements Upstream {
  readonly #deps: GrpcUpstreamDeps;
  readonly #listeners = new Set<SnapshotListener>();
  /** What the next step is taken from. */
  #held: MeshSnapshot | undefined;
  /** What listeners were told last. */
  #current: MeshSnapshot | undefined;
  #state: UpstreamState = { connected: false };
  #connectedAt: number | undefined;
  #subscription: Subscription | undefined;
  #ack: AckReport | undefined;
  /** What was held no longer fits what servers say: the next one is asked for everything. */
  #mustStartOver = false;

  constructor(deps: GrpcUpstreamDeps) {
    this.#deps = deps;
  }

  get current(): MeshSnapshot | undefined {
    return this.#current;
  }

  get state(): UpstreamState {
    return this.#state;
  }

  onSnapshot(listener: SnapshotListener): () => void {
    this.#listeners.add(listener);
    if (this.#current !== undefined) listener(this.#current, 'all');
    return () => this.#listeners.delete(listener);
  }

  acknowledge(ack: AckReport): void {
    this.#ack = ack;
    this.#subscription?.acknowledge(ack);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { servers, trust, clock, random } = this.#deps;
    const stopListening = trust?.onChange(() => this.#tellAgain());
    const backoff = new Backoff(random, BACKOFF);
    // Agents start anywhere in the list, so that replicas share the load.
    let turn = Math.floor(random.next() * servers.length);
    this.#enter({ connected: false, staleSince: clock.monotonic() });
    while (!signal.aborted) {
      const server = servers[turn % servers.length] ?? '';
      await this.#follow(server, signal).catch((error) => this.#lost(server, error, signal));
      if (this.#connectedAt !== undefined && clock.monotonic() - this.#connectedAt >= STABLE_MS) backoff.reset();
      this.#connectedAt = undefined;
      turn += 1;
      await sleep(clock, backoff.next(), signal).catch(() => {});
    }
    stopListening?.();
  }

  /** Before the first report there is nothing to say it with; that one will. */
  #tellAgain(): void {
    if (this.#ack !== undefined) this.#subscription?.acknowledge(this.#ack);
  }

  async #follow(server: string, signal: AbortSignal): Promise<void> {
    const { node, software, credentials, serverName, trust, clock } = this.#deps;
    const onEvent = (event: ServerEvent) => this.#receive(server, event);
    this.#subscription = new Subscription({ server, credentials, serverName, trust: trust?.current, clock, onEvent });
    if (this.#ack !== undefined) this.#subscription.acknowledge(this.#ack);
    const hello = { node, software, protocol: MESH_PROTOCOL, resume: this.#held?.position };
    try {
      await this.#subscription.run({ ...hello, startOver: this.#mustStartOver }, signal);
    } finally {
      this.#subscription = undefined;
    }
  }

  #receive(server: string, event: ServerEvent): Result<void, string> {
    if (this.#connectedAt === undefined) {
      this.#connectedAt = this.#deps.clock.monotonic();
      this.#deps.log.info('following API server', { server, revision: this.#current?.position.revision });
      this.#enter({ connected: true, server });
    }
    switch (event.type) {
      case 'part':
        return ok(undefined);
      case 'heartbeat':
        if (reaches(event.position, this.#held)) this.#tell('all');
        return ok(undefined);
      case 'snapshot': {
        const received = receiveSnapshot(this.#held, event.snapshot);
        if (!received.ok) return received;
        this.#mustStartOver = false;
        // A server may begin with a snapshot that is not its newest. What follows says whether it was: only then is it told,
        // since an agent that has just started may have newer rows in its kernel, from before.
        this.#held = received.value.next;
        return ok(undefined);
      }
      case 'delta': {
        const received = receiveDelta(this.#held, event.delta);
        if (!received.ok) {
          this.#mustStartOver = true;
          return received;
        }
        const { next, changed } = received.value;
        const whole = this.#held !== this.#current;
        this.#held = next;
        this.#tell(whole ? 'all' : changed);
        return ok(undefined);
      }
      default:
        return event satisfies never;
    }
  }

  /** What is held is the newest there is. */
  #tell(changed: ChangedServices): void {
    const next = this.#held;
    if (next === undefined || next === this.#current) return;
    this.#current = next;
    for (const listener of this.#listeners) listener(next, changed);
  }

  #lost(server: string, error: unknown, signal: AbortSignal): void {
    const { clock, log } = this.#deps;
    const lastError = reasonOf(error);
    if (!signal.aborted && lastError !== this.#state.lastError) log.warn('API server lost', { server, error });
    const staleSince = this.#state.connected ? clock.monotonic() : (this.#state.staleSince ?? clock.monotonic());
    this.#enter({ connected: false, staleSince, server, ...(signal.aborted ? {} : { lastError }) });
  }

  #enter(state: UpstreamState): void {
    this.#state = state;
    this.#deps.onState?.(state);
  }
}

/** Everything that the server had at `position` is in `held`. */
const reaches = (position: Position | undefined, held: MeshSnapshot | undefined): boolean =>
  position !== undefined && held?.position.storeId === position.storeId && held.position.revision <= position.revision;

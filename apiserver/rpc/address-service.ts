// Tells agents that ask whose the addresses of peers' pods are: everything, or what has changed since the position that they hold;
// then each change. Agents at one position share the bytes of a step, and whoever comes anew is given the last whole list
// as long as the rest of the way is a step.

import { type ServerWritableStream, status } from '@grpc/grpc-js';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Position } from '../../mesh/snapshot/snapshot.ts';
import {
  ADDRESSES_PER_MESSAGE,
  type AddressChanges,
  encodeAddresses,
  parseFollowAddresses,
} from '../../mesh/wire/addresses.ts';
import { MESH_PROTOCOL } from '../../mesh/wire/agent-message.ts';
import { HEARTBEAT_MS } from '../../mesh/wire/mesh-method.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { AddressFeed } from '../addresses/book.ts';
import { describeKeys } from '../addresses/records.ts';
import { agentNode } from './agent-identity.ts';
import { refuse, sender } from './calls.ts';
import { lazily } from './encodings.ts';

export type AddressCall = ServerWritableStream<Uint8Array, Uint8Array>;

export interface AddressServiceDeps {
  readonly addresses: AddressFeed;
  readonly cluster: ClusterName;
  readonly clock: Clock;
  readonly log: Log;
}

/** A change waits this long for others: nobody's connection waits for the name of an address. */
const COALESCE_MS = 50;

interface Step {
  readonly messages: Iterable<Uint8Array>;
  readonly to: Position;
}

interface Follower {
  readonly send: (bytes: Uint8Array) => Promise<boolean>;
  /** What has been sent whole. */
  held: Position | undefined;
  quiet: boolean;
  ended: boolean;
  sending: boolean;
}

export class AddressService {
  readonly #deps: AddressServiceDeps;
  readonly #followers = new Map<AddressCall, Follower>();
  #whole: Step | undefined;
  /** To `#target`, by the revision that they start from. */
  readonly #steps = new Map<number, Step | undefined>();
  #target: Position | undefined;
  #cancelWake: (() => void) | undefined;

  constructor(deps: AddressServiceDeps) {
    this.#deps = deps;
  }

  /** The returned function sends the followers away. */
  start(): () => void {
    const { addresses, clock } = this.#deps;
    const wake = () => {
      this.#cancelWake = undefined;
      for (const follower of this.#followers.values()) void this.#tell(follower);
    };
    const unsubscribe = addresses.subscribe(() => {
      if (this.#followers.size > 0) this.#cancelWake ??= clock.after(COALESCE_MS, wake);
    });
    let cancelBeat = () => {};
    const beat = () => {
      for (const follower of this.#followers.values()) {
        follower.quiet = true;
        void this.#tell(follower);
      }
      cancelBeat = clock.after(HEARTBEAT_MS, beat);
    };
    beat();
    return () => {
      unsubscribe();
      cancelBeat();
      this.#cancelWake?.();
      for (const call of this.#followers.keys()) refuse(call, status.UNAVAILABLE, 'this server is going away');
    };
  }

  accept(call: AddressCall): void {
    const { cluster, log } = this.#deps;
    const node = agentNode(call.getAuthContext()?.sslPeerCertificate?.subjectaltname, cluster);
    const request = parseFollowAddresses(call.request);
    if (!node.ok || !request.ok || request.value.node !== node.value) {
      const reason = !node.ok ? node.error : !request.ok ? request.error : `the certificate is of ${node.value}`;
      log.warn('agent refused', { address: call.getPeer(), reason });
      refuse(call, status.PERMISSION_DENIED, reason);
      return;
    }
    if (request.value.protocol !== MESH_PROTOCOL) {
      refuse(call, status.FAILED_PRECONDITION, `protocol ${request.value.protocol} is not spoken here`);
      return;
    }
    const send = sender(call, () => {
      follower.ended = true;
      this.#followers.delete(call);
    });
    const follower: Follower = { send, held: request.value.resume, quiet: true, ended: false, sending: false };
    this.#followers.set(call, follower);
    void this.#tell(follower);
  }

  /** Sends until there is nothing new; one at a time for each follower. */
  async #tell(follower: Follower): Promise<void> {
    if (follower.sending) return;
    follower.sending = true;
    for (let step = this.#next(follower); step !== undefined; step = this.#next(follower)) {
      follower.quiet = false;
      for (const bytes of step.messages) if (follower.ended || !(await follower.send(bytes))) return;
      follower.held = step.to;
    }
    follower.sending = false;
  }

  #next({ held, quiet, ended }: Follower): Step | undefined {
    const { addresses } = this.#deps;
    const { reached } = addresses;
    if (reached === undefined || ended) return undefined;
    if (held?.storeId === reached.storeId) {
      // Another replica was ahead of this one: it will come there.
      if (held.revision > reached.revision) return undefined;
      const step = this.#step(held, reached);
      if (step !== undefined) return step.messages === NOTHING && !quiet ? undefined : this.#said(step);
    }
    return this.#everything(reached);
  }

  /** A step without changes still says how far everything is known. */
  #said({ messages, to }: Step): Step {
    return messages === NOTHING ? { messages: encodeAddresses(to, false, []), to } : { messages, to };
  }

  #step(held: Position, reached: Position): Step | undefined {
    if (this.#target !== reached) {
      this.#steps.clear();
      this.#target = reached;
    }
    if (this.#steps.has(held.revision)) return this.#steps.get(held.revision);
    const keys = this.#deps.addresses.since(held);
    const messages = keys && (keys.size === 0 ? NOTHING : this.#messages(reached, false, keys));
    const step = messages && { messages, to: reached };
    this.#steps.set(held.revision, step);
    return step;
  }

  #everything(reached: Position): Step {
    const { addresses } = this.#deps;
    if (this.#whole === undefined || addresses.since(this.#whole.to) === undefined) {
      this.#whole = { messages: this.#messages(reached, true, addresses.keys()), to: reached };
    }
    return this.#whole;
  }

  /**
   * Keys and values are read as the messages are asked for: what is later than the position, or gone since, does no harm, since its step
   * follows. All keys of a large mesh, looked for before the first message, would keep everything else waiting.
   */
  #messages(to: Position, whole: boolean, keys: Iterable<string>): Iterable<Uint8Array> {
    const { addresses } = this.#deps;
    return lazily(
      encodeAddresses(
        to,
        whole,
        partsOf(keys, (key) => addresses.read(key)),
      ),
    );
  }
}

const NOTHING: Iterable<Uint8Array> = [];

function* partsOf(
  keys: Iterable<string>,
  read: (key: string) => Uint8Array | undefined,
): Generator<AddressChanges, void> {
  let some: string[] = [];
  for (const key of keys) {
    some.push(key);
    if (some.length < ADDRESSES_PER_MESSAGE) continue;
    yield describeKeys(some, read);
    some = [];
  }
  if (some.length > 0) yield describeKeys(some, read);
}

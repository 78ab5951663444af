// The door: the read-only part of etcd's v3 API over mutual TLS, for peers and for Cilium's clients, served from this process's
// mirror of its own etcd, so that no client reaches etcd itself. Range, transactions of nothing but ranges, Watch and Maintenance.Status
// are answered, for the keys that the client's certificate opens; everything else of the API is denied.
//
// A unary call is answered here as a stream of one message, which is the same on the wire: a stream says when its message
// has been taken, and so how much a client that asks without reading keeps in memory.

import { Server, type ServerCredentials, type ServerDuplexStream, type ServerWritableStream } from '@grpc/grpc-js';
import type { ClusterName } from '../../mesh/model/names.ts';
import { err, type Result } from '../../mesh/model/result.ts';
import type { Clock } from '../../runtime/clock.ts';
import { closeGrpc, listenGrpc } from '../../runtime/grpc-server.ts';
import type { Log } from '../../runtime/log.ts';
import { RefusalLog } from '../refusal-log.ts';
import { EtcdWire, type messages } from '../store/etcd-wire.ts';
import type { MirrorObserver } from '../store/port.ts';
import type { Withheld } from '../withheld.ts';
import { type Access, accessOf, type ClientKind } from './access.ts';
import { type KeyInterval, requestedInterval } from './byte-key.ts';
import { type AnyCall, endCall, onCallEnd } from './calls.ts';
import { type CallSlot, type ClientQuota, type DoorClientState, DoorClients } from './clients.ts';
import { DENIED_METHODS } from './denied-methods.ts';
import type { RingLimits } from './event-ring.ts';
import { type Certificate, Gatekeeper } from './gatekeeper.ts';
import { DoorHistory } from './history.ts';
import type { DoorIdentity, DoorTrust } from './identity.ts';
import { answerRange } from './range.ts';
import { answerReads, readsIn } from './read-transaction.ts';
import { denied, EMPTY_KEY, goingAway, NOT_READY, PERMISSION_DENIED, type Refusal } from './refusals.ts';
import { WatchCall, type WatchStreamCall } from './watch-call.ts';
import { StreamWatches } from './watches.ts';
import { encodeRange, encodeRanges, encodeStatus, type RangeAnswer } from './wire.ts';

export interface DoorDeps {
  readonly cluster: ClusterName;
  readonly trust: DoorTrust;
  /** Must ask for client certificates, and check them against all stores of `trust` together. */
  readonly credentials: ServerCredentials;
  /** @default nothing */
  readonly withheld?: Withheld;
  /** `address:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly clock: Clock;
  readonly log: Log;
  /** @default HISTORY_LIMITS */
  readonly historyLimits?: RingLimits;
  /** @default QUOTAS */
  readonly quotas?: Readonly<Record<ClientKind, ClientQuota>>;
}

export interface Door {
  /** To be fed by one spanning mirror of the own etcd, from its start. */
  readonly observer: MirrorObserver;
  readonly clients: readonly DoorClientState[];
  /** Resolves with the port; rejects with LISTEN_ADDRESS_TAKEN or LISTEN_FAILED. */
  start(): Promise<number>;
  /** Sends the clients away, to another replica or to wait for this one. */
  stop(): Promise<void>;
  /** Ends what a peer has open, now. Whether it is let in again is for `trust` to say. */
  disconnect(cluster: ClusterName): void;
}

export const createDoor = (deps: DoorDeps): Door => new GrpcDoor(deps);

/** How often quiet watches are told how far they are, and certificates of open streams are judged again. */
const TICK_MS = 5_000;
const SERVER_OPTIONS = {
  // A request is two keys and some numbers; etcd's keys are at most 1.5 MiB, and those of a mesh a few hundred bytes.
  'grpc.max_receive_message_length': 64 * 1024,
  'grpc.max_concurrent_streams': 128,
  // A client whose machine is gone is noticed within 15 s, though it never says so.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  // A client that was sent away, or refused, may leave its connection open; one that reads now and then reconnects.
  'grpc.max_connection_idle_ms': 300_000,
};

interface Caller {
  readonly certificate: Certificate;
  readonly identity: DoorIdentity;
}

interface Admitted extends Caller {
  readonly access: Access;
  readonly slot: CallSlot;
}

type RangeCall = ServerWritableStream<messages.RangeRequest.$Properties, Buffer>;
type TransactionCall = ServerWritableStream<messages.TxnRequest.$Properties, Buffer>;
type StatusCall = ServerWritableStream<messages.StatusRequest.$Properties, Buffer>;
type DeniedCall = ServerDuplexStream<Buffer, Buffer>;

class GrpcDoor implements Door {
  readonly #deps: DoorDeps;
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #history: DoorHistory;
  readonly #gatekeeper: Gatekeeper;
  readonly #clients: DoorClients;
  readonly #refusals: RefusalLog;
  readonly #watching = new Map<WatchCall, Caller>();
  #release = () => {};

  constructor(deps: DoorDeps) {
    this.#deps = deps;
    this.#history = new DoorHistory(deps.historyLimits);
    this.#gatekeeper = new Gatekeeper({ own: deps.cluster, trust: deps.trust, clock: deps.clock });
    this.#clients = new DoorClients(deps.clock, deps.quotas);
    this.#refusals = new RefusalLog({ ...deps, message: 'door client refused' });
  }

  get observer(): MirrorObserver {
    return this.#history;
  }

  get clients(): readonly DoorClientState[] {
    return this.#clients.list();
  }

  async start(): Promise<number> {
    const { listen, credentials } = this.#deps;
    this.#serve();
    const port = await listenGrpc(this.#server, listen, credentials);
    this.#release = this.#tick();
    return port;
  }

  async stop(): Promise<void> {
    this.#release();
    this.#clients.endAll(goingAway('this server is going away'));
    await closeGrpc(this.#server, this.#deps.clock);
  }

  disconnect(cluster: ClusterName): void {
    this.#clients.disconnect(cluster);
  }

  #serve(): void {
    const answered = { requestStream: false, responseStream: true, responseSerialize: same } as const;
    this.#server.addService(
      {
        range: { ...EtcdWire.range, ...answered },
        txn: { ...EtcdWire.txn, ...answered },
        status: { ...EtcdWire.status, ...answered },
        watch: { ...EtcdWire.watch, responseSerialize: same },
      },
      {
        range: (call: RangeCall) => this.#range(call),
        txn: (call: TransactionCall) => this.#transaction(call),
        status: (call: StatusCall) => this.#status(call),
        watch: (call: WatchStreamCall) => this.#watch(call),
      },
    );
    const raw = {
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    for (const path of DENIED_METHODS) {
      this.#server.addService(
        { denied: { path, requestStream: true, responseStream: true, ...raw } },
        { denied: (call: DeniedCall) => endCall(call, PERMISSION_DENIED) },
      );
    }
  }

  #tick(): () => void {
    const again = () => {
      for (const [call, { certificate, identity }] of this.#watching) {
        const judged = this.#gatekeeper.judge(certificate);
        if (judged.ok) call.tick();
        else {
          this.#deps.log.info('door client sent away', { client: identity.name, reason: judged.error });
          call.end(denied(judged.error));
        }
      }
      cancel = this.#deps.clock.after(TICK_MS, again);
    };
    let cancel = this.#deps.clock.after(TICK_MS, again);
    return () => cancel();
  }

  // --- Calls ---

  #range(call: RangeCall): void {
    const admitted = this.#admit(call, (why) => endCall(call, why));
    if (admitted === undefined) return;
    const answer = this.#read(call.request, admitted);
    if (answer.ok) this.#answer(call, admitted.slot, encodeRange(answer.value));
    else endCall(call, answer.error);
  }

  #transaction(call: TransactionCall): void {
    const admitted = this.#admit(call, (why) => endCall(call, why));
    if (admitted === undefined) return;
    const { position } = this.#history;
    const reads = readsIn(call.request);
    const answers = reads.ok ? answerReads(reads.value, (read) => this.#read(read, admitted)) : reads;
    if (!answers.ok) endCall(call, answers.error);
    else if (position === undefined) endCall(call, NOT_READY);
    else this.#answer(call, admitted.slot, encodeRanges(position, answers.value));
  }

  #read(request: messages.RangeRequest.$Properties, { access, slot }: Admitted): Result<RangeAnswer, Refusal> {
    const key = request.key ?? NO_BYTES;
    if (key.length === 0) return err(EMPTY_KEY);
    const interval = requestedInterval(key, request.rangeEnd ?? NO_BYTES);
    const objection = objectionOf(access, interval) ?? slot.mayLook();
    if (objection !== undefined) return err(objection);
    return answerRange(this.#history, interval, request, (count) => slot.looked(count));
  }

  #status(call: StatusCall): void {
    const admitted = this.#admit(call, (why) => endCall(call, why));
    if (admitted === undefined) return;
    const { position, bytes } = this.#history;
    if (position === undefined) endCall(call, NOT_READY);
    else this.#answer(call, admitted.slot, encodeStatus(position, bytes));
  }

  #watch(call: WatchStreamCall): void {
    const admitted = this.#admit(call, (why) => watch.end(why));
    if (admitted === undefined) return;
    const { access, slot, identity, certificate } = admitted;
    const watch: WatchCall = new WatchCall(
      call,
      new StreamWatches({
        history: this.#history,
        objection: (interval) => objectionOf(access, interval),
        reserve: () => slot.reserveWatch(),
        release: () => slot.releaseWatch(),
        wake: () => watch.wake(),
      }),
    );
    if (this.#history.position === undefined) {
      endCall(call, NOT_READY);
      return;
    }
    this.#watching.set(watch, { certificate, identity });
    onCallEnd(call, () => this.#watching.delete(watch));
    watch.start();
  }

  /** Who calls, and its share; ends the call of somebody who may not. `end` ends it later. */
  #admit<Req>(call: AnyCall<Req>, end: (why: Refusal) => void): Admitted | undefined {
    const address = call.getPeer();
    // A connection that is closing already may have none to show.
    const certificate = call.getAuthContext()?.sslPeerCertificate;
    if (!certificate?.raw) {
      endCall(call, denied('no client certificate'));
      return undefined;
    }
    const { raw, fingerprint256 } = certificate;
    const judged = this.#gatekeeper.judge({ raw, fingerprint256 });
    if (!judged.ok) {
      this.#refusals.note(address, judged.error);
      endCall(call, denied(judged.error));
      return undefined;
    }
    const slot = this.#clients.admit(judged.value, address, end);
    if (!slot.ok) {
      this.#refusals.note(address, slot.error.details);
      endCall(call, slot.error);
      return undefined;
    }
    onCallEnd(call, () => slot.value.close());
    const access = accessOf(judged.value.kind, this.#deps.cluster, this.#deps.withheld);
    return { access, slot: slot.value, identity: judged.value, certificate: { raw, fingerprint256 } };
  }

  #answer<Req>(call: ServerWritableStream<Req, Buffer>, slot: CallSlot, message: Buffer): void {
    const full = slot.reserveBytes(message.length);
    if (full !== undefined) {
      endCall(call, full);
      return;
    }
    call.write(message);
    call.end();
  }
}

function objectionOf(access: Access, interval: KeyInterval): Refusal | undefined {
  const allowed = access.check(interval);
  return allowed.ok ? undefined : denied(allowed.error);
}

const NO_BYTES = new Uint8Array(0);
const same = (bytes: Buffer): Buffer => bytes;

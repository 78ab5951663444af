// The gRPC server that agents subscribe to, over mutual TLS. It checks who calls, feeds each agent's stream, takes
// acknowledgements into the registry, and beats so that silence means something. What is sent is agent-stream.ts.

import { Server, type ServerCredentials, type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Hello, MESH_PROTOCOL, parseAgentMessage } from '../../mesh/wire/agent-message.ts';
import { FOLLOW_ADDRESSES, HEARTBEAT_MS, SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';
import type { Clock } from '../../runtime/clock.ts';
import { closeGrpc, listenGrpc } from '../../runtime/grpc-server.ts';
import type { Log } from '../../runtime/log.ts';
import type { AddressFeed } from '../addresses/book.ts';
import type { SnapshotFeed } from '../view/port.ts';
import { type AddressCall, AddressService } from './address-service.ts';
import { agentNode } from './agent-identity.ts';
import { AGENTS_MAX, AgentRegistry, type AgentSession, type AgentStatus } from './agent-registry.ts';
import { AgentStream } from './agent-stream.ts';
import { refuse, sender } from './calls.ts';
import { Encodings } from './encodings.ts';

export interface MeshServerDeps {
  readonly feed: SnapshotFeed;
  /** Absent: agents that ask are answered as by a server that does not know of it. */
  readonly addresses?: AddressFeed | undefined;
  readonly cluster: ClusterName;
  /** Must ask for client certificates, and check them against the own cluster's authority. */
  readonly credentials: ServerCredentials;
  /** `address:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Something that `agents` shows has changed. */
  readonly onAgentsChange?: () => void;
}

export interface MeshServer {
  readonly agents: readonly AgentStatus[];
  /** Agents for whom the newest snapshot has not left yet. */
  readonly behind: number;
  /** Resolves with the port; rejects with LISTEN_ADDRESS_TAKEN or LISTEN_FAILED. */
  start(): Promise<number>;
  /** Sends the agents away, to another replica or to wait for this one. */
  stop(): Promise<void>;
}

export const createMeshServer = (deps: MeshServerDeps): MeshServer => new GrpcMeshServer(deps);

/** An agent says hello as soon as the stream stands. */
const HELLO_MS_MAX = 5_000;
const SERVER_OPTIONS = {
  // The largest message of an agent carries 100 refusals of at most about 900 bytes.
  'grpc.max_receive_message_length': 256 * 1024,
  // One stream per agent, and a second one while it replaces the first.
  'grpc.max_concurrent_streams': 4,
  // An agent whose machine is gone is noticed within 15 s, though it never says so.
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.max_connection_idle_ms': 60_000,
};

type Call = ServerDuplexStream<Uint8Array, Uint8Array>;

class GrpcMeshServer implements MeshServer {
  readonly #deps: MeshServerDeps;
  readonly #server = new Server(SERVER_OPTIONS);
  readonly #registry: AgentRegistry;
  readonly #encodings: Encodings;
  readonly #streams = new Map<AgentStream, Call>();
  #release = () => {};

  constructor(deps: MeshServerDeps) {
    this.#deps = deps;
    this.#registry = new AgentRegistry({
      feed: deps.feed,
      clock: deps.clock,
      ...(deps.onAgentsChange === undefined ? {} : { onChange: deps.onAgentsChange }),
    });
    this.#encodings = new Encodings(deps.feed);
  }

  get agents(): readonly AgentStatus[] {
    return this.#registry.list();
  }

  get behind(): number {
    let behind = 0;
    for (const stream of this.#streams.keys()) behind += Number(stream.isBehind);
    return behind;
  }

  async start(): Promise<number> {
    const { feed, addresses, listen, credentials } = this.#deps;
    const told = addresses && new AddressService({ ...this.#deps, addresses });
    this.#server.addService({ subscribe: SUBSCRIBE }, { subscribe: (call: Call) => this.#accept(call) });
    if (told !== undefined) {
      this.#server.addService(
        { followAddresses: FOLLOW_ADDRESSES },
        { followAddresses: (call: AddressCall) => told.accept(call) },
      );
    }
    const port = await listenGrpc(this.#server, listen, credentials);
    const unsubscribe = feed.subscribe(() => {
      for (const stream of this.#streams.keys()) stream.wake();
    });
    const stopBeating = this.#beat();
    const stopAddresses = told?.start();
    this.#release = () => {
      stopAddresses?.();
      unsubscribe();
      stopBeating();
    };
    return port;
  }

  async stop(): Promise<void> {
    this.#release();
    for (const call of this.#streams.values()) refuse(call, status.UNAVAILABLE, 'this server is going away');
    await closeGrpc(this.#server, this.#deps.clock);
  }

  #beat(): () => void {
    let cancel = () => {};
    const again = () => {
      for (const stream of this.#streams.keys()) stream.beat();
      cancel = this.#deps.clock.after(HEARTBEAT_MS, again);
    };
    again();
    return () => cancel();
  }

  /** One call, from its certificate to its hello. */
  #accept(call: Call): void {
    const { clock, cluster, log } = this.#deps;
    const node = agentNode(call.getAuthContext()?.sslPeerCertificate?.subjectaltname, cluster);
    if (!node.ok) {
      log.warn('agent refused', { address: call.getPeer(), reason: node.error });
      refuse(call, status.PERMISSION_DENIED, node.error);
      return;
    }
    let session: AgentSession | undefined;
    const cancelDeadline = clock.after(HELLO_MS_MAX, () => {
      if (session === undefined) refuse(call, status.DEADLINE_EXCEEDED, 'no hello');
    });
    call.once('close', cancelDeadline);
    call.on('data', (bytes: Uint8Array) => {
      const message = parseAgentMessage(bytes);
      if (!message.ok) refuse(call, status.INVALID_ARGUMENT, message.error);
      else if (message.value.type === 'ack') {
        if (session === undefined) refuse(call, status.FAILED_PRECONDITION, 'an acknowledgement before the hello');
        else session.acknowledged(message.value.ack);
      } else if (session !== undefined) refuse(call, status.FAILED_PRECONDITION, 'a second hello');
      else session = this.#welcome(call, message.value.hello, node.value);
    });
  }

  #welcome(call: Call, hello: Hello, certified: string): AgentSession | undefined {
    const { log } = this.#deps;
    const objection = this.#objection(hello, certified);
    if (objection !== undefined) {
      log.warn('agent refused', { node: certified, reason: objection.reason });
      refuse(call, objection.code, objection.reason);
      return undefined;
    }
    const send = sender(call, () => {
      stream.close();
      this.#streams.delete(stream);
      session.close();
    });
    const stream = new AgentStream({ ...this.#deps, encodings: this.#encodings, send }, hello);
    const session = this.#registry.open(hello, () => refuse(call, status.ABORTED, 'the same node subscribed anew'));
    this.#streams.set(stream, call);
    call.once('end', () => call.end());
    void stream.run().then((reason) => {
      if (reason === 'behind') refuse(call, status.UNAVAILABLE, 'this server is behind what the agent holds');
    });
    log.debug('agent subscribed', { node: hello.node, resume: hello.resume?.revision });
    return session;
  }

  #objection(hello: Hello, certified: string): { readonly code: status; readonly reason: string } | undefined {
    if (hello.node !== certified) {
      const reason = `node ${hello.node} came with the certificate of ${certified}`;
      return { code: status.PERMISSION_DENIED, reason };
    }
    if (hello.protocol !== MESH_PROTOCOL) {
      const reason = `protocol ${hello.protocol} is not spoken here, only ${MESH_PROTOCOL}`;
      return { code: status.FAILED_PRECONDITION, reason };
    }
    if (this.#streams.size < AGENTS_MAX) return undefined;
    return { code: status.RESOURCE_EXHAUSTED, reason: `this server has ${AGENTS_MAX} agents already` };
  }
}

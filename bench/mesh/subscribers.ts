// Many agents of one API server in one process, as far as the server sees them: each has a certificate and a connection of its own,
// subscribes, and acknowledges nothing. What they are sent is counted and not read. One of them may stop reading, as an agent
// whose node is overloaded does.

import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { encodeHello, MESH_PROTOCOL } from '../../mesh/wire/agent-message.ts';
import { SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';
import type { Authority } from '../../pki/authority.ts';
import { DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { CertificateSource } from '../../runtime/tls/certificate-source.ts';
import { channelCredentials } from '../../runtime/tls/shared-credentials.ts';
import { nowMs } from '../propagation/moments.ts';
import { serveRequests, setupOf } from '../propagation/worker.ts';

export interface SubscribersSetup {
  readonly server: string;
  readonly agents: number;
  readonly authority: Authority;
}

export type SubscribersRequest =
  /** Answers when every agent has its first snapshot whole, with the milliseconds that this took. */
  | { readonly type: 'open' }
  /** Answers with when each agent that reads was sent a step after the moment, once all have been. */
  | { readonly type: 'arrivals'; readonly after: number }
  | { readonly type: 'read'; readonly slow: boolean }
  /** What each agent was sent so far. */
  | { readonly type: 'received' };

export interface Received {
  readonly bytes: number;
  readonly steps: number;
}

/** The field of a server's message that says what it is; mesh.proto. */
const END = 3;
const DELTA = 4;
const FIELD_BITS = 3;

class Subscriber {
  bytes = 0;
  steps = 0;
  whole = false;
  lastStepAt = 0;
  readonly #call: ClientDuplexStream<Uint8Array, Uint8Array>;

  constructor(client: Client, node: string) {
    const { path, requestSerialize, responseDeserialize } = SUBSCRIBE;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#call = call;
    call.on('data', (message: Uint8Array) => {
      this.bytes += message.length;
      const field = (message[0] ?? 0) >> FIELD_BITS;
      if (field === END) this.whole = true;
      if (field !== DELTA) return;
      this.steps += 1;
      this.lastStepAt = nowMs();
    });
    call.on('error', (error) => process.stderr.write(`${node}: ${error.message}\n`));
    call.write(encodeHello({ node, software: 'bench', protocol: MESH_PROTOCOL, resume: undefined, startOver: false }));
  }

  read(slow: boolean): void {
    if (slow) this.#call.pause();
    else this.#call.resume();
  }
}

const setup = setupOf<SubscribersSetup>();
const subscribers: Subscriber[] = [];
const LOOK_MS = 1;
/** More than this is not slow but stuck: the process ends, and with it the measure. */
const ARRIVED_WITHIN_MS = 60_000;

async function until(holds: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > ARRIVED_WITHIN_MS)
      throw new Error(`not every agent was told in ${ARRIVED_WITHIN_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function open(): Promise<number> {
  const { authority, server, agents } = setup;
  const begun = performance.now();
  for (let at = 0; at < agents; at += 1) {
    const node = `bench-${at}`;
    const leaf = await issue({ authority, profile: 'agent', node, now: Date.now(), ttlMs: DAY_MS });
    const source = new CertificateSource({ ca: authority.certificate, ...leaf });
    const client = new Client(server, channelCredentials(source), { 'grpc.use_local_subchannel_pool': 1 });
    subscribers.push(new Subscriber(client, node));
  }
  await until(() => subscribers.every(({ whole }) => whole));
  return performance.now() - begun;
}

let slow: Subscriber | undefined;

await serveRequests<SubscribersRequest>(async (request) => {
  switch (request.type) {
    case 'open':
      return open();
    case 'arrivals': {
      const reading = subscribers.filter((subscriber) => subscriber !== slow);
      await until(() => reading.every(({ lastStepAt }) => lastStepAt > request.after));
      return reading.map(({ lastStepAt }) => lastStepAt);
    }
    case 'read':
      slow = request.slow ? subscribers[0] : undefined;
      subscribers[0]?.read(request.slow);
      return undefined;
    case 'received':
      return subscribers.map(({ bytes, steps }): Received => ({ bytes, steps }));
    default:
      return request satisfies never;
  }
});

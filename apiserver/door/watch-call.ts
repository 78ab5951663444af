// One Watch stream over gRPC: reads requests, and sends what its watches have to be told, one message at a time. While the client
// does not take a message, none is made; while its answers wait, its requests are not read.

import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { messages } from '../store/etcd-wire.ts';
import { endCall, onCallEnd } from './calls.ts';
import type { Refusal } from './refusals.ts';
import type { StreamWatches } from './watches.ts';

export type WatchStreamCall = ServerDuplexStream<messages.WatchRequest.$Properties, Buffer>;

/** A client that opens all its watches at once sends thousands of requests; one that never reads gets no further than this. */
const ANSWERS_WAITING_MAX = 256;

export class WatchCall {
  readonly #call: WatchStreamCall;
  readonly #watches: StreamWatches;
  #sending = false;
  #ended = false;

  constructor(call: WatchStreamCall, watches: StreamWatches) {
    this.#call = call;
    this.#watches = watches;
  }

  start(): void {
    const call = this.#call;
    onCallEnd(call, () => this.#stop());
    call.on('data', (request: messages.WatchRequest.$Properties) => {
      if (this.#ended) return;
      this.#watches.request(request);
      if (this.#watches.answersWaiting >= ANSWERS_WAITING_MAX) call.pause();
      this.wake();
    });
    // The client says that it has nothing more to ask, and etcd takes that for the end.
    call.once('end', () => {
      this.#stop();
      call.end();
    });
  }

  /** There may be something to send. */
  wake(): void {
    if (this.#sending || this.#ended) return;
    const next = this.#watches.next();
    if (next === 'nothing') return;
    this.#sending = true;
    const sent = (): void => {
      this.#sending = false;
      if (this.#watches.answersWaiting < ANSWERS_WAITING_MAX && this.#call.isPaused()) this.#call.resume();
      this.wake();
    };
    if (next === 'later') setImmediate(sent);
    // A write into a cancelled call is never answered; the call's end then stops this.
    else this.#call.write(next, sent);
  }

  tick(): void {
    this.#watches.tick();
    this.wake();
  }

  end(why: Refusal): void {
    this.#stop();
    endCall(this.#call, why);
  }

  #stop(): void {
    this.#ended = true;
    this.#watches.close();
  }
}

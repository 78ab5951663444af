// What a reader may cost an HTTP server before it is cut off: how many there are, how much one asks for without waiting for answers, and
// how long an answer may stay unread. Without such limits one connection can have a process make answers until its memory is gone.

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { Socket } from 'node:net';

export interface HttpLimits {
  readonly connectionsMax: number;
  /** Requests of one connection that are not answered to the end. */
  readonly waitingMax: number;
  /** How long a reader may take nothing of an answer. */
  readonly unreadMs: number;
  /** How long the head of a request may take to come. */
  readonly headersMs: number;
  /** After how long an event stream that has nothing to say says so. */
  readonly beatMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  // Readers of diagnostics are few.
  connectionsMax: 512,
  // Clients of ours ask one thing at a time, and the next may be read before the last byte before it is known to be gone. Node parses
  // all that came in one read, and would have the answers of a thousand requests made at once.
  waitingMax: 4,
  // Of a slow link, and of a process that was stopped for a moment; a reader that goes on reading has as long as it needs.
  unreadMs: 30_000,
  // Whoever sends a byte now and then holds one of the connections meanwhile, and with all of them keeps everybody else out.
  headersMs: 10_000,
  // A reader of events then knows a process that is frozen, or gone with its machine, from one where nothing happens.
  beatMs: 5_000,
};

/** How late it may be noticed that a head takes too long. */
const CHECK_MS_MAX = 2_000;

/** Of Node's servers. A body is as small as a head. */
export const timesOf = ({ headersMs }: Pick<HttpLimits, 'headersMs'>) => ({
  headersTimeout: headersMs,
  requestTimeout: 2 * headersMs,
  connectionsCheckingInterval: Math.min(CHECK_MS_MAX, headersMs),
});

export class ReaderLimits {
  readonly #limits: HttpLimits;
  readonly #waiting = new WeakMap<Socket, number>();

  constructor(server: Server | HttpsServer, limits: HttpLimits) {
    this.#limits = limits;
    server.maxConnections = limits.connectionsMax;
  }

  /** False: the connection is ended, and nothing is to be done for the request. */
  admits({ socket }: IncomingMessage, response: ServerResponse): boolean {
    // What was parsed behind the request for which it was ended.
    if (socket.destroyed) return false;
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    if (waiting > this.#limits.waitingMax) {
      socket.destroy();
      return false;
    }
    this.#waiting.set(socket, waiting);
    response.once('close', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1));
    return true;
  }

  /** From now on the reader is waited for, and not the handler. */
  answering(response: ServerResponse): void {
    response.setTimeout(this.#limits.unreadMs, () => response.destroy());
  }
}

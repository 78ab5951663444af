// How calls of grpc-js end, in one place: by us with a status, or in any of the ways in which a client, a deadline or the network
// end them.

import type { EventEmitter } from 'node:events';
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import type { Refusal } from './refusals.ts';

export type AnyCall<Req> = ServerDuplexStream<Req, Buffer> | ServerWritableStream<Req, Buffer>;

/** Ends a call with a status. What was sent before still arrives first; what else the client says is not heard. */
export function endCall<Req>(call: AnyCall<Req>, { code, details }: Refusal): void {
  if ('resume' in call) call.removeAllListeners('data').resume();
  call.emit('error', Object.assign(new Error(details), { code, details }));
}

/** Once, when a call is over, whoever ended it. */
export function onCallEnd(call: EventEmitter, ended: () => void): void {
  let over = false;
  const end = (): void => {
    if (over) return;
    over = true;
    ended();
  };
  for (const event of ['cancelled', 'close', 'error', 'finish']) call.once(event, end);
}

// One call of an agent: how it is ended with a reason, and how messages are sent over it.

import type { ServerDuplexStream, ServerWritableStream, status } from '@grpc/grpc-js';

type Call = ServerDuplexStream<Uint8Array, Uint8Array> | ServerWritableStream<Uint8Array, Uint8Array>;

/** Ends a call with a status. What was sent before still arrives first; what else the agent says is not heard. */
export function refuse(call: Call, code: status, details: string): void {
  if ('resume' in call) call.removeAllListeners('data').resume();
  call.emit('error', Object.assign(new Error(details), { code, details }));
}

/** Sends one message at a time. gRPC forgets the callback of a write into a cancelled call: its end answers as well. */
export function sender(call: Call, onEnd: () => void): (bytes: Uint8Array) => Promise<boolean> {
  let ended = false;
  let answer = (_sent: boolean) => {};
  const end = () => {
    if (ended) return;
    ended = true;
    answer(false);
    onEnd();
  };
  for (const event of ['cancelled', 'close', 'error', 'end']) call.once(event, end);
  return (bytes) =>
    new Promise((resolve) => {
      answer = resolve;
      if (ended || call.cancelled) resolve(false);
      else call.write(bytes, (error?: Error | null) => resolve(!error));
    });
}

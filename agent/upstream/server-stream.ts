// One stream of messages from an API server, from its opening until it ends, falls silent, says what cannot be taken, or is not wanted any
// more. What the messages mean, and what an end means for the agent, is decided by who follows it.

import { type ChannelCredentials, Client, Metadata, type MethodDefinition, status } from '@grpc/grpc-js';
import type { Result } from '../../mesh/model/result.ts';
import { SILENCE_MS } from '../../mesh/wire/mesh-method.ts';
import type { Clock } from '../../runtime/clock.ts';
import { openStream, type StreamCall } from '../../runtime/stream-call.ts';
import type { Refusal } from '../../runtime/unary-call.ts';

export interface ServerStreamDeps {
  readonly server: string;
  readonly credentials: ChannelCredentials;
  /** The name that the server's certificate must carry; absent: the host of its address. */
  readonly serverName: string | undefined;
  readonly method: MethodDefinition<Uint8Array, Uint8Array>;
  readonly clock: Clock;
}

export type StreamEnd =
  | { readonly type: 'silent' }
  | { readonly type: 'invalid'; readonly reason: string }
  | { readonly type: 'ended'; readonly status: Refusal };

export interface StreamFollower {
  /** Called once, before anything comes. */
  readonly onOpen: (call: StreamCall<Uint8Array>) => void;
  /** An error ends the stream. */
  readonly onMessage: (bytes: Uint8Array) => Result<unknown, string>;
}

const CLIENT_OPTIONS = {
  // A snapshot comes in chunks of about 64 KiB, addresses 200 in a message; nothing that a server sends is near this.
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  // How much a server may send ahead. With HTTP/2's 64 KiB a snapshot of 2 MB waits for 30 round trips.
  'grpc-node.flow_control_window': 1024 * 1024,
  // Attempts, and the pauses between them, are the upstream's; agents of one process share no connection.
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

/** Why the stream is over; rejects with the signal's reason where that aborts. */
export async function followStream(
  { server, credentials, serverName, method, clock }: ServerStreamDeps,
  { onOpen, onMessage }: StreamFollower,
  signal: AbortSignal,
): Promise<StreamEnd> {
  const target = serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName };
  const client = new Client(server, credentials, { ...CLIENT_OPTIONS, ...target });
  let call: StreamCall<Uint8Array> | undefined;
  let cancelSilence = () => {};
  let stopListening = () => {};
  try {
    return await new Promise<StreamEnd>((resolve, reject) => {
      let heardAt = clock.monotonic();
      // Not a timer for each message: what is still to wait is seen when one is over.
      const listen = (delayMs: number) => {
        cancelSilence = clock.after(delayMs, () => {
          const left = heardAt + SILENCE_MS - clock.monotonic();
          if (left > 0) listen(left);
          else resolve({ type: 'silent' });
        });
      };
      call = openStream(client, method, new Metadata(), {
        onMessage: (bytes) => {
          heardAt = clock.monotonic();
          const taken = onMessage(bytes);
          if (!taken.ok) resolve({ type: 'invalid', reason: taken.error });
          return undefined;
        },
        onEnd: (end) => resolve({ type: 'ended', status: end }),
      });
      const abort = () => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      stopListening = () => signal.removeEventListener('abort', abort);
      listen(SILENCE_MS);
      onOpen(call);
    });
  } finally {
    cancelSilence();
    stopListening();
    call?.cancel();
    client.close();
  }
}

/** Of a stream that ended. */
export const reasonOfEnd = ({ code, details }: Refusal): string =>
  code === status.OK ? 'it ended the stream' : details || `gRPC status ${status[code]}`;

// One request and its one answer over a channel. grpc-js' own way to make such a call takes the caller's stack each time for an error
// that hardly ever comes, makes an emitter that nobody listens to, and looks for interceptors, of which there are none here: of a
// small transaction that is a good part of its cost. The channel below it does everything that matters (picks, deadlines, framing).

import { type Client, Metadata, type MethodDefinition, status } from '@grpc/grpc-js';

export interface Refusal {
  readonly code: number;
  readonly details: string;
}

/** Exactly one of them, once. */
export type UnaryAnswer<Res> = { readonly response: Res } | { readonly refusal: Refusal };

/** `deadline`: milliseconds since the epoch. The returned function cancels, which is answered too. */
export function callUnary<Req, Res>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Req, Res>,
  request: Req,
  deadline: number,
  answer: (answer: UnaryAnswer<Res>) => void,
): () => void {
  const bytes = requestSerialize(request);
  const call = client.getChannel().createCall(path, deadline, null, null, null);
  let received: Buffer | undefined;
  call.start(new Metadata(), {
    onReceiveMetadata() {},
    onReceiveMessage(message: Buffer) {
      if (received === undefined) received = message;
      else call.cancelWithStatus(status.INTERNAL, 'more than one answer came');
    },
    onReceiveStatus({ code, details }) {
      if (code !== status.OK) answer({ refusal: { code, details } });
      else if (received === undefined) answer({ refusal: { code: status.INTERNAL, details: 'an empty answer' } });
      else answer(read(responseDeserialize, received));
    },
  });
  call.startRead();
  call.sendMessageWithContext({}, bytes);
  call.halfClose();
  return () => call.cancelWithStatus(status.CANCELLED, 'cancelled by this side');
}

function read<Res>(deserialize: (bytes: Buffer) => Res, bytes: Buffer): UnaryAnswer<Res> {
  try {
    return { response: deserialize(bytes) };
  } catch (error) {
    return { refusal: { code: status.INTERNAL, details: `the answer cannot be read: ${String(error)}` } };
  }
}

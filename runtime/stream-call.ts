// Messages both ways over a channel. As with single requests (unary-call.ts), grpc-js' own way costs more than what it is used for here:
// a stream of objects with its buffers and events for each message that comes, where it is only handed on. What is received is
// read on once the one before is taken; what is sent goes one message behind the other, since the channel holds one at a time.

import { type Client, type Metadata, type MethodDefinition, status } from '@grpc/grpc-js';
import type { Refusal } from './unary-call.ts';

export interface StreamCall<Req> {
  /** `sent` is called once the message is with the connection, and never where the call ends before. */
  send(message: Req, sent?: () => void): void;
  /** Nothing is sent any more, once what was sent is out. */
  halfClose(): void;
  cancel(): void;
}

export interface StreamListener<Res> {
  /** The next message is read once what this returns resolves. */
  readonly onMessage: (message: Res) => Promise<void> | undefined;
  /** Once, last, also after `cancel`; the code says whether it is a failure. */
  readonly onEnd: (end: Refusal) => void;
}

export function openStream<Req, Res>(
  client: Client,
  { path, requestSerialize, responseDeserialize }: MethodDefinition<Req, Res>,
  metadata: Metadata,
  { onMessage, onEnd }: StreamListener<Res>,
): StreamCall<Req> {
  const call = client.getChannel().createCall(path, Infinity, null, null, null);
  const unsent: { readonly bytes: Buffer; readonly sent: (() => void) | undefined }[] = [];
  let sending = false;
  let ending = false;
  let unreadable: Refusal | undefined;
  const sendNext = (): void => {
    const next = unsent.shift();
    sending = next !== undefined;
    if (next !== undefined) {
      const callback = () => {
        next.sent?.();
        sendNext();
      };
      call.sendMessageWithContext({ callback }, next.bytes);
    } else if (ending) call.halfClose();
  };
  call.start(metadata, {
    onReceiveMetadata() {},
    onReceiveMessage(bytes: Buffer) {
      let message: Res;
      try {
        message = responseDeserialize(bytes);
      } catch (error) {
        unreadable = { code: status.INTERNAL, details: `a message cannot be read: ${String(error)}` };
        call.cancelWithStatus(unreadable.code, unreadable.details);
        return;
      }
      const taken = onMessage(message);
      if (taken === undefined) call.startRead();
      else void taken.then(() => call.startRead());
    },
    onReceiveStatus: ({ code, details }) => onEnd(unreadable ?? { code, details }),
  });
  call.startRead();
  return {
    send(message, sent) {
      unsent.push({ bytes: requestSerialize(message), sent });
      if (!sending) sendNext();
    },
    halfClose() {
      ending = true;
      if (!sending) call.halfClose();
    },
    cancel: () => call.cancelWithStatus(status.CANCELLED, 'cancelled by this side'),
  };
}

import { ChannelCredentials, status } from '@grpc/grpc-js';
import { afterEach, expect, test, vi } from 'vitest';
import { err, ok } from '../../mesh/model/result.ts';
import { SILENCE_MS, SUBSCRIBE } from '../../mesh/wire/mesh-method.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import type { StreamCall } from '../../runtime/stream-call.ts';
import { followStream } from './server-stream.ts';
import { type ServerStream, startStreamServer } from './stream-rig.ts';

type Answer = (call: ServerStream, said: string) => void;

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

/** Follows a server that answers each message; it has answered the first one. */
async function followed(answer: Answer) {
  const server = await startStreamServer((call, message) => answer(call, message.toString()));
  cleanups.push(server.stop);
  const clock = new ManualClock();
  const abort = new AbortController();
  const heard: string[] = [];
  let stream: StreamCall<Uint8Array> | undefined;
  const end = followStream(
    {
      ...{ server: server.address, credentials: ChannelCredentials.createInsecure(), serverName: undefined },
      ...{ method: SUBSCRIBE, clock },
    },
    {
      onOpen: (call) => {
        stream = call;
        call.send(Buffer.from('hello'));
      },
      onMessage: (bytes) => {
        const text = Buffer.from(bytes).toString();
        heard.push(text);
        return text === 'nonsense' ? err('nobody understands it') : ok(undefined);
      },
    },
    abort.signal,
  );
  const say = (text: string) => stream?.send(Buffer.from(text));
  return { clock, abort, heard, end, say };
}
const echo: Answer = (call, said) => call.write(Buffer.from(said));

test('it is over when nothing was heard for long enough since the last message', async () => {
  const { clock, heard, end, say } = await followed(echo);
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  for (let times = 1; times <= 3; times += 1) {
    await vi.waitFor(() => expect(heard).toHaveLength(times));
    clock.advance(SILENCE_MS - 1);
    if (times < 3) say('more');
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  clock.advance(1);
  expect(await end).toEqual({ type: 'silent' });
});

test('it is over with what cannot be taken', async () => {
  const { end, say, heard } = await followed(echo);
  await vi.waitFor(() => expect(heard).toEqual(['hello']));
  say('nonsense');
  expect(await end).toEqual({ type: 'invalid', reason: 'nobody understands it' });
});

test('it tells how the server ended it', async () => {
  const ended = await followed((call) => call.end());
  expect(await ended.end).toEqual({ type: 'ended', status: { code: status.OK, details: 'OK' } });
  const refused = await followed((call) => call.emit('error', { code: status.PERMISSION_DENIED, details: 'not you' }));
  expect(await refused.end).toEqual({
    type: 'ended',
    status: { code: status.PERMISSION_DENIED, details: 'not you' },
  });
});

test('it tells what cannot be reached', async () => {
  const { end } = await followed(echo);
  for (const clean of cleanups.splice(0)) clean();
  expect(await end).toMatchObject({ type: 'ended', status: { code: status.UNAVAILABLE } });
});

test('it rejects where it is not wanted any more', async () => {
  const { abort, end, heard } = await followed(echo);
  await vi.waitFor(() => expect(heard).toEqual(['hello']));
  abort.abort(new Error('enough'));
  await expect(end).rejects.toThrow('enough');
});

import { ChannelCredentials } from '@grpc/grpc-js';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Revision } from '../../mesh/model/names.ts';
import { ok } from '../../mesh/model/result.ts';
import type { AckReport } from '../../mesh/snapshot/ack.ts';
import { MESH_PROTOCOL, parseAgentMessage } from '../../mesh/wire/agent-message.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { startStreamServer } from './stream-rig.ts';
import { ACK_EVERY_MS, Subscription } from './subscription.ts';

const ackAt = (revision: number): AckReport => ({
  ...{ position: { storeId: '00000000000000aa', revision: revision as Revision }, refused: [], datapath: 'memory' },
  ...{ services: 1, backends: 2, reconcileMicros: 3 },
});

/** `told`: the revisions of the acknowledgements that came. */
async function subscribed() {
  const told: number[] = [];
  let greeted = 0;
  const server = await startStreamServer((_, bytes) => {
    const message = parseAgentMessage(bytes);
    if (message.ok && message.value.type === 'hello') greeted += 1;
    if (message.ok && message.value.type === 'ack') told.push(message.value.ack.position.revision);
  });
  const clock = new ManualClock();
  const end = new AbortController();
  const subscription = new Subscription({
    ...{ server: server.address, credentials: ChannelCredentials.createInsecure(), serverName: undefined },
    ...{ clock, onEvent: () => ok(undefined) },
  });
  const hello = { node: 'node-1', software: 'test', protocol: MESH_PROTOCOL, resume: undefined, startOver: false };
  const run = subscription.run(hello, end.signal).catch(() => undefined);
  onTestFinished(async () => {
    end.abort();
    await run;
    server.stop();
  });
  await vi.waitFor(() => expect(greeted).toBe(1));
  return { subscription, clock, told };
}

test('an acknowledgement after a pause goes at once, and of those that follow it the newest when their time has come', async () => {
  const { subscription, clock, told } = await subscribed();
  subscription.acknowledge(ackAt(1));
  await vi.waitFor(() => expect(told).toEqual([1]));
  for (let revision = 2; revision <= 5; revision += 1) {
    clock.advance(ACK_EVERY_MS / 5);
    subscription.acknowledge(ackAt(revision));
  }
  clock.advance(ACK_EVERY_MS / 5);
  await vi.waitFor(() => expect(told).toEqual([1, 5]));
  clock.advance(2 * ACK_EVERY_MS);
  subscription.acknowledge(ackAt(6));
  await vi.waitFor(() => expect(told).toEqual([1, 5, 6]));
});

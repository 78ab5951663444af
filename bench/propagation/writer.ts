// Writes into the source cluster's etcd, beside that etcd: the changes that are measured, the heartbeat that the cluster's
// publisher does not send while it is kept from writing, and the bare put → watch that everything is compared with.

import { HEARTBEAT_KEY } from '../../mesh/wire/synced.ts';
import { openTarget, type Target, watchPrefix } from './client.ts';
import { nowMs } from './moments.ts';
import { serveRequests, setupOf } from './worker.ts';

export type WriterRequest =
  | { readonly type: 'get'; readonly key: string }
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  /** A put of a value of this many bytes, until a watch of another client has it. */
  | { readonly type: 'raw'; readonly bytes: number };

export interface PutAnswer {
  readonly begunAt: number;
  readonly endedAt: number;
}

export interface RawAnswer {
  readonly ms: number;
}

const RAW_PREFIX = 'bench/raw/';
const BEAT_MS = 3_000;

const target = setupOf<Target>();
const client = await openTarget(target);
const watcher = await openTarget(target);
let onRaw = (_at: number): void => {};
await watchPrefix(watcher, RAW_PREFIX, () => onRaw(nowMs()));

const put = async (key: string, value: Uint8Array): Promise<void> => {
  await client.transact([{ type: 'put', key, value }]);
};
const beat = (): void => {
  void put(HEARTBEAT_KEY, Buffer.from(new Date().toISOString()))
    .catch(() => {})
    .finally(() => setTimeout(beat, BEAT_MS));
};
beat();

await serveRequests<WriterRequest>(async (request) => {
  switch (request.type) {
    case 'get':
      return Buffer.from((await client.get(request.key))?.value ?? []).toString();
    case 'put': {
      const begunAt = nowMs();
      await put(request.key, Buffer.from(request.value));
      return { begunAt, endedAt: nowMs() } satisfies PutAnswer;
    }
    case 'raw': {
      const value = Buffer.alloc(request.bytes, 'x');
      const seen = new Promise<number>((resolve) => {
        onRaw = resolve;
      });
      const begunAt = nowMs();
      await put(`${RAW_PREFIX}key`, value);
      return { ms: (await seen) - begunAt } satisfies RawAnswer;
    }
    default:
      return request satisfies never;
  }
});

// What a bootstrap cannot be faster than: every door's records are read in pages, and written in batches under another prefix of the
// same etcd, by nobody in particular.

import type { Write } from '../../../apiserver/store/port.ts';
import { openTarget } from '../../propagation/client.ts';
import type { PlayedDoor } from '../player.ts';
import type { MeshStage } from '../stage.ts';
import { usedSince } from '../usage.ts';

/** As an API server lists: so many doors at a time keep two processors busy. */
const LISTED_AT_ONCE = 8;
/** etcd's own bound. */
const WRITES_PER_TXN = 128;

export interface Bare {
  readonly ms: number;
  /** Of the copying process, the doors and etcd together: a machine that is busy with others slows all of them alike. */
  readonly cpuMs: number;
  readonly records: number;
  readonly bytes: number;
  /** Records that were written by then. */
  readonly progress: readonly (readonly [ms: number, records: number])[];
}

export async function bareCopy(stage: MeshStage, signal: AbortSignal): Promise<Bare> {
  const etcd = await openTarget(stage.etcd);
  let [records, bytes] = [0, 0];
  const progress: [number, number][] = [[0, 0]];
  const cpuSince = watchCpu(stage);
  const begun = performance.now();
  const copy = async (door: PlayedDoor) => {
    const client = await openTarget(stage.door(door));
    try {
      for await (const { entries } of client.list('cilium/state/', signal)) {
        const writes = entries.map(
          ({ key, value }): Write => ({ type: 'put', key: `bench/${door.name}/${key}`, value }),
        );
        for (let at = 0; at < writes.length; at += WRITES_PER_TXN) {
          await etcd.transact(writes.slice(at, at + WRITES_PER_TXN), [], signal);
        }
        records += entries.length;
        bytes += entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
        progress.push([performance.now() - begun, records]);
      }
    } finally {
      client.close();
    }
  };
  const waiting = [...stage.doors];
  const lane = async () => {
    for (let door = waiting.shift(); door !== undefined; door = waiting.shift()) await copy(door);
  };
  try {
    await Promise.all(Array.from({ length: LISTED_AT_ONCE }, lane));
    return { ms: performance.now() - begun, cpuMs: cpuSince(), records, bytes, progress };
  } finally {
    etcd.close();
  }
}

function watchCpu(stage: MeshStage): () => number {
  const own = process.cpuUsage();
  const before = (['etcd', 'player'] as const).map((name) => [name, stage.usage(name)] as const);
  return () => {
    const { user, system } = process.cpuUsage(own);
    return before.reduce(
      (sum, [name, usage]) => sum + usedSince(usage, stage.usage(name)).cpuMs,
      (user + system) / 1_000,
    );
  };
}

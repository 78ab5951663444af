// Many agents on one API server: what a change costs the server when all of them are told, and what one that does not read costs
// it and the others.

import { readFileSync } from 'node:fs';
import type { ClusterName } from '../../../mesh/model/names.ts';
import { type Figures, figuresOf, nowMs } from '../../propagation/moments.ts';
import { startWorker } from '../../propagation/worker.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';
import type { Received, SubscribersRequest, SubscribersSetup } from '../subscribers.ts';
import { usedSince } from '../usage.ts';
import { costOf, type Quietly } from './cost.ts';

export interface ManyAgents {
  readonly agents: number;
  /** From the first connection until each has its whole snapshot. */
  readonly openMs: number;
  readonly openCpuMs: number;
  /** From a put at the door to each agent, of all changes. */
  readonly putToAgent: Figures;
  readonly samples: readonly number[];
  /** For each change beyond what an idle mesh uses, and for each change and agent. */
  readonly cpuMs: number;
  readonly bytes: number;
  readonly slow: {
    /** While one agent did not read; the others. */
    readonly putToAgent: Figures;
    /** Steps that it was sent for all changes that it had missed, once it read again. */
    readonly steps: number;
    readonly changes: number;
    /** The server's resident memory at the end of that against its beginning. */
    readonly memoryRatio: number;
  };
}

const CHANGES = 10;
/** With so many backends more or less each time, every buffer on the way to an agent that does not read is full soon. */
const SLOW_CHANGES = 30;
const SLOW_BACKENDS = 1_000;
const BACK_WITHIN_MS = 30_000;

export async function manyAgents(
  stage: MeshStage,
  agents: number,
  rounds: number,
  quietly: Quietly,
  signal: AbortSignal,
): Promise<ManyAgents> {
  const { layout, places, name } = stage.cluster;
  const [ports] = places.control.servers;
  const setup: SubscribersSetup = {
    server: `127.0.0.1:${ports?.rpc}`,
    agents,
    authority: {
      cluster: name as ClusterName,
      certificate: readFileSync(layout.authority.cert, 'utf8'),
      key: readFileSync(layout.authority.key, 'utf8'),
    },
  };
  const worker = await startWorker('mesh/subscribers', { place: {}, setup });
  const ask = <Answer>(request: SubscribersRequest) => worker.ask<Answer>(request);
  const usual = stage.size.backends;
  const change = async (at: number, step = 1): Promise<readonly number[]> => {
    const after = nowMs();
    const more = at % 2 === 0 ? step : 0;
    await stage.play({ type: 'service', backends: usual + more });
    const arrived = await ask<readonly number[]>({ type: 'arrivals', after });
    // It comes in as many steps as slices changed. Undone before the last of them, the next change would be none, and not arrive.
    await stage.until(
      'all of a change',
      () => stage.isWhole(remoteBackends(stage.size) + more),
      BACK_WITHIN_MS,
      signal,
    );
    return arrived.map((at) => at - after);
  };
  try {
    const beforeOpen = stage.usage('apiserver');
    const openMs = await ask<number>({ type: 'open' });
    const opened = stage.usage('apiserver');
    // Who joins may be given an earlier snapshot and the way from there: that belongs to its joining, and is over with these.
    await change(0);
    await change(1);
    const received = await ask<readonly Received[]>({ type: 'received' });
    const arrivals: number[] = [];
    for (let at = 0; at < CHANGES; at += 1) arrivals.push(...(await change(at)));
    const sent = await ask<readonly Received[]>({ type: 'received' });
    const total = (all: readonly Received[]) => all.reduce((sum, { bytes }) => sum + bytes, 0);
    const bytes = (total(sent) - total(received)) / (CHANGES * agents);
    const costly = (at: number) => stage.play({ type: 'service', backends: usual + ((at + 1) % 2) });
    const cost = await quietly(() => costOf(stage, { backends: usual, rounds, change: costly }, signal));
    const beforeSlow = await ask<readonly Received[]>({ type: 'received' });

    await ask({ type: 'read', slow: true });
    // What a collection has given back meanwhile, and is taken again, is no growth.
    const rssBefore = Math.max(opened.rssBytes, stage.usage('apiserver').rssBytes);
    const others: number[] = [];
    for (let at = 0; at < SLOW_CHANGES; at += 1) others.push(...(await change(at, SLOW_BACKENDS)));
    const memoryRatio = stage.usage('apiserver').rssBytes / rssBefore;
    await ask({ type: 'read', slow: false });
    // One more, which reaches all of them again.
    await change(SLOW_CHANGES);
    const [late] = await ask<readonly Received[]>({ type: 'received' });
    const steps = (late?.steps ?? 0) - (beforeSlow[0]?.steps ?? 0);
    await change(1);
    // The agent that is real has it a moment later.
    await stage.until('what was before', () => stage.isWhole(), BACK_WITHIN_MS, signal);
    return {
      ...{
        agents,
        openMs,
        openCpuMs: usedSince(beforeOpen, opened).cpuMs,
        putToAgent: figuresOf(arrivals),
        samples: arrivals,
        cpuMs: cost.cpuMs.apiserver.mean,
        bytes,
      },
      slow: { putToAgent: figuresOf(others), steps, changes: SLOW_CHANGES, memoryRatio },
    };
  } finally {
    worker.stop();
  }
}

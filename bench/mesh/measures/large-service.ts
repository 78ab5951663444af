// One backend more or less, of a service that has thousands in one cluster: the cost has to follow the change.

import { type Figures, figuresOf } from '../../propagation/moments.ts';
import { cpuEach, type PerProcess, watchUse } from '../processes.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';
import { setBackends } from './set-backends.ts';

export interface LargeService {
  readonly backends: number;
  readonly putToMap: Figures;
  readonly goneFromMap: Figures;
  readonly samples: readonly number[];
  /** Of the service's record, as Cilium's schema has it: what a peer is sent for any change. */
  readonly recordBytes: number;
  readonly mapWrites: number;
  /** For each change: what the agent has read, and CPU. Heartbeats and the looks at its status are in it. */
  readonly agentReadBytes: number;
  readonly cpuMs: PerProcess<number>;
}

export async function largeService(
  stage: MeshStage,
  backends: number,
  changes: number,
  signal: AbortSignal,
): Promise<LargeService> {
  const usual = stage.size.backends;
  const base = remoteBackends(stage.size) - usual;
  const recordBytes = await stage.play<number>({ type: 'service', backends });
  await setBackends(stage, backends, base + backends, signal);
  const used = watchUse(stage);
  const rows = (await stage.agent()).reconcile;
  const gains: number[] = [];
  const losses: number[] = [];
  for (let at = 0; at < changes; at += 2) {
    gains.push(await setBackends(stage, backends + 1, base + backends + 1, signal));
    losses.push(await setBackends(stage, backends, base + backends, signal));
  }
  const { rows_written, rows_removed } = (await stage.agent()).reconcile;
  const use = used();
  await setBackends(stage, usual, base + usual, signal);
  return {
    backends,
    putToMap: figuresOf(gains),
    goneFromMap: figuresOf(losses),
    samples: gains,
    recordBytes,
    mapWrites: (rows_written - rows.rows_written + (rows_removed - rows.rows_removed)) / changes,
    agentReadBytes: use.agent.readBytes / changes,
    cpuMs: cpuEach(use, changes),
  };
}

// The API server is killed and started again beside a filled etcd: how long until it serves the snapshot that agents hold, and what
// its event loop does meanwhile. Nothing may be withdrawn.

import { type Lateness, latenessOf } from '../lateness.ts';
import type { MeshStage } from '../stage.ts';
import { loopOf } from '../usage.ts';
import { BOOTSTRAP_WITHIN_MS } from './bootstrap.ts';

export interface Restart {
  /** From the start of the program until it has a snapshot with everything that stands in its etcd. */
  readonly servesMs: number;
  /** Until every peer is followed again and the replica writes. */
  readonly wholeMs: number;
  /** CPU of the new process until then. */
  readonly cpuMs: number;
  /** Fewest backends that the agent was seen with. */
  readonly backendsMin: number;
  readonly backendsBefore: number;
  /** Milliseconds that the new program's event loop was late. */
  readonly loop: Lateness | undefined;
}

export async function restart(stage: MeshStage, signal: AbortSignal): Promise<Restart> {
  const backendsBefore = (await stage.agent()).programmed.backends;
  const { revision = 0, services } = (await stage.status()).snapshot;
  let backendsMin = backendsBefore;
  const seen = async () => {
    const { backends } = (await stage.agent()).programmed;
    backendsMin = Math.min(backendsMin, backends);
  };
  const { apiServer } = stage.cluster;
  await apiServer.kill();
  await apiServer.start();
  const serves = async () => {
    await seen();
    const { snapshot } = await stage.status();
    return (snapshot.revision ?? 0) >= revision && snapshot.services === services;
  };
  const servesMs = await stage.until('a snapshot after a restart', serves, BOOTSTRAP_WITHIN_MS, signal);
  const whole = async () => {
    await seen();
    return stage.isWhole(backendsBefore);
  };
  const wholeMs = servesMs + (await stage.until('all peers are back', whole, BOOTSTRAP_WITHIN_MS, signal));
  const { cpuMs } = stage.usage('apiserver');
  const loop = loopOf(stage.dir, stage.pid('apiserver'));
  return { servesMs, wholeMs, cpuMs, backendsMin, backendsBefore, loop: loop && latenessOf(loop) };
}

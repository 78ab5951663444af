// The doors are there and say nothing, and no connection ends: how soon each is no longer taken for live.

import type { MeshStage } from '../stage.ts';
import { BOOTSTRAP_WITHIN_MS } from './bootstrap.ts';

const SILENCE_WITHIN_MS = 120_000;

export interface Silence {
  /** Until the first, and the last, of the silent peers was not shown as live any more. */
  readonly firstMs: number;
  readonly allMs: number;
  readonly backMs: number;
}

export async function silentPeers(stage: MeshStage, signal: AbortSignal): Promise<Silence> {
  const pid = stage.pid('player');
  const silent = async () => (await stage.status()).peers.filter((peer) => peer.phase !== 'live').length;
  process.kill(pid, 'SIGSTOP');
  try {
    const firstMs = await stage.until('silence', async () => (await silent()) > 0, SILENCE_WITHIN_MS, signal);
    const all = async () => (await silent()) === stage.size.clusters;
    const allMs = firstMs + (await stage.until('silence of all', all, SILENCE_WITHIN_MS, signal));
    process.kill(pid, 'SIGCONT');
    const backMs = await stage.until('all peers are back', () => stage.isWhole(), BOOTSTRAP_WITHIN_MS, signal);
    return { firstMs, allMs, backMs };
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

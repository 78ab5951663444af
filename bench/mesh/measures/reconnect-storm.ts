// Every connection to every peer ends in one moment: nothing may be withdrawn, and memory may not grow by what comes twice.

import type { MeshStage } from '../stage.ts';
import { BOOTSTRAP_WITHIN_MS } from './bootstrap.ts';

export interface Storm {
  readonly backMs: number;
  /** Fewest backends that the agent was seen with. */
  readonly backendsMin: number;
  readonly backendsBefore: number;
  /** Resident memory of the API server at its most, against before. */
  readonly memoryRatio: number;
}

export async function reconnectStorm(stage: MeshStage, signal: AbortSignal): Promise<Storm> {
  const backendsBefore = (await stage.agent()).programmed.backends;
  const rssBefore = stage.usage('apiserver').rssBytes;
  const disconnects = async () => (await stage.status()).peers.reduce((sum, peer) => sum + peer.disconnects, 0);
  const cutBefore = await disconnects();
  let backendsMin = backendsBefore;
  let rssMax = rssBefore;
  await stage.play({ type: 'drop' });
  const isBack = async () => {
    backendsMin = Math.min(backendsMin, (await stage.agent()).programmed.backends);
    rssMax = Math.max(rssMax, stage.usage('apiserver').rssBytes);
    return (await disconnects()) >= cutBefore + stage.size.clusters && (await stage.isWhole(backendsBefore));
  };
  const backMs = await stage.until('all peers are back', isBack, BOOTSTRAP_WITHIN_MS, signal);
  return { backMs, backendsMin, backendsBefore, memoryRatio: rssMax / rssBefore };
}

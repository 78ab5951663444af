// From the documents that name the peers to an agent that has programmed every backend of all of them.

import { forEachProcess, type PerProcess, watchUse } from '../processes.ts';
import { remoteBackends } from '../size.ts';
import type { MeshStage } from '../stage.ts';

/** More than this is not slow but stuck. */
export const BOOTSTRAP_WITHIN_MS = 300_000;

export interface Bootstrap {
  readonly ms: number;
  readonly cpuMs: PerProcess<number>;
  /** Resident memory without any peer, and with all of them. */
  readonly rssBytes: PerProcess<{ readonly before: number; readonly after: number }>;
  /** What came of it, per record of a remote endpoint: all other records and garbage are in it. */
  readonly apiServerBytesPerEndpoint: number;
  readonly agentBytesPerBackend: number;
}

export async function bootstrap(stage: MeshStage, signal: AbortSignal): Promise<Bootstrap> {
  const before = forEachProcess((process) => stage.usage(process).rssBytes);
  const used = watchUse(stage);
  stage.connect();
  const ms = await stage.until('bootstrap', () => stage.isWhole(), BOOTSTRAP_WITHIN_MS, signal);
  const use = used();
  const { clusters, endpoints } = stage.size;
  return {
    ms,
    cpuMs: forEachProcess((process) => use[process].cpuMs),
    rssBytes: forEachProcess((process) => ({
      before: before[process],
      after: before[process] + use[process].rssBytes,
    })),
    apiServerBytesPerEndpoint: use.apiserver.rssBytes / (clusters * endpoints),
    agentBytesPerBackend: use.agent.rssBytes / remoteBackends(stage.size),
  };
}

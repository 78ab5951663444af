// One run: opens a stage, takes the measures that are wanted one after the other, and removes everything. For the command and for
// the test that keeps the ratios.

import { bareCopy } from './measures/bare-copy.ts';
import { bootstrap } from './measures/bootstrap.ts';
import { type ChurnOptions, churn } from './measures/churn.ts';
import { largeService } from './measures/large-service.ts';
import { manyAgents } from './measures/many-agents.ts';
import { reconnectStorm } from './measures/reconnect-storm.ts';
import { silentPeers } from './measures/silent-peers.ts';
import type { Results } from './report.ts';
import type { MeshSize } from './size.ts';
import { MeshStage } from './stage.ts';
import { loopOf } from './usage.ts';

/** All but `bootstrap`, without which there is nothing to measure. */
export const MEASURES = ['bare', 'churn', 'large', 'agents', 'storm', 'silence'] as const;
export type Measure = (typeof MEASURES)[number];

export interface RunOptions {
  readonly size: MeshSize;
  readonly measures: ReadonlySet<Measure>;
  readonly churn: ChurnOptions;
  readonly largeBackends: number;
  readonly agents: number;
}

const LARGE_CHANGES = 20;

export async function runMesh(
  options: RunOptions,
  onProgress: (what: string) => void,
  signal: AbortSignal,
): Promise<Results> {
  const stage = new MeshStage(options.size, onProgress);
  const wanted = async <T>(measure: Measure, take: () => Promise<T>): Promise<T | undefined> => {
    if (!options.measures.has(measure)) return undefined;
    onProgress(`measure ${measure}`);
    return take();
  };
  try {
    await stage.open(signal);
    const bare = await wanted('bare', () => bareCopy(stage, signal));
    onProgress('measure bootstrap');
    const bootstrapped = await bootstrap(stage, signal);
    onProgress(`bootstrap took ${Math.round(bootstrapped.ms)} ms`);
    const churned = await wanted('churn', () => churn(stage, options.churn, signal));
    const large = await wanted('large', () => largeService(stage, options.largeBackends, LARGE_CHANGES, signal));
    const agents = await wanted('agents', () => manyAgents(stage, options.agents, signal));
    const storm = await wanted('storm', () => reconnectStorm(stage, signal));
    const silence = await wanted('silence', () => silentPeers(stage, signal));
    const loops = (['apiserver', 'agent'] as const).flatMap((process) => {
      const sample = loopOf(stage.dir, stage.pid(process));
      return sample === undefined ? [] : [{ process, p999: sample.p999, max: sample.max }];
    });
    return { size: options.size, bare, bootstrap: bootstrapped, churn: churned, large, agents, storm, silence, loops };
  } finally {
    onProgress('removing everything that was made');
    for (const left of await stage.close()) onProgress(`could not be removed: ${left}`);
  }
}

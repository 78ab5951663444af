// One run: opens a stage, takes the measures that are wanted one after the other, and removes everything. For the command and for
// the test that keeps the ratios.

import { reasonOf } from '../../runtime/errors.ts';
import { ms } from './format.ts';
import { latenessOf } from './lateness.ts';
import { bareCopy } from './measures/bare-copy.ts';
import { bootstrap } from './measures/bootstrap.ts';
import { type ChurnOptions, churn } from './measures/churn.ts';
import { largeService } from './measures/large-service.ts';
import { watchLiveMemory } from './measures/live-memory.ts';
import { manyAgents } from './measures/many-agents.ts';
import { publish } from './measures/publish.ts';
import { reconnectStorm } from './measures/reconnect-storm.ts';
import { restart } from './measures/restart.ts';
import { silentPeers } from './measures/silent-peers.ts';
import type { Progress } from './progress.ts';
import type { Results } from './results.ts';
import { Sampler } from './sampler.ts';
import type { MeshSize } from './size.ts';
import { type Datapath, MeshStage } from './stage.ts';
import type { Sample } from './timeline.ts';
import { loopOf } from './usage.ts';

/** All but `bootstrap`, without which there is nothing to measure. In the order in which they are taken. */
export const MEASURES = ['bare', 'live', 'churn', 'large', 'publish', 'agents', 'storm', 'silence', 'restart'] as const;
export type Measure = (typeof MEASURES)[number];

export interface RunOptions {
  readonly size: MeshSize;
  readonly datapath: Datapath;
  readonly measures: ReadonlySet<Measure>;
  readonly churn: ChurnOptions;
  readonly largeBackends: number;
  readonly agents: number;
  /** How often what a change costs is compared with what an idle mesh uses: cost.ts. */
  readonly costRounds: number;
}

export async function runMesh(options: RunOptions, progress: Progress, signal: AbortSignal): Promise<Results> {
  const { size, largeBackends, datapath } = options;
  const stage = new MeshStage(size, largeBackends, datapath, (what) => progress.step(what));
  const sampler = new Sampler(stage, (sample, during) => progress.passing(passingText(sample, during)));
  try {
    await stage.open(signal);
    sampler.start();
    return await measure(options, stage, sampler, progress, signal);
  } finally {
    try {
      await sampler.stop();
    } finally {
      progress.step('removing everything that was made');
      for (const left of await stage.close()) progress.step(`could not be removed: ${left}`);
    }
  }
}

async function measure(
  options: RunOptions,
  stage: MeshStage,
  sampler: Sampler,
  progress: Progress,
  signal: AbortSignal,
): Promise<Results> {
  const always = <T>(name: string, take: () => Promise<T>): Promise<T> => {
    progress.step(`measure ${name}`);
    return sampler.during(name, take);
  };
  const quietly = <T>(work: () => Promise<T>): Promise<T> => sampler.quietly(work);
  const found: Found = {};
  let failed: Results['failed'];
  /** What was found until then is told although something fails, which may be after half an hour; what comes after it is left out. */
  const wanted = async <M extends Measure>(name: M, take: () => Promise<Found[M]>): Promise<void> => {
    if (!options.measures.has(name) || failed !== undefined) return;
    try {
      found[name] = await always(name, take);
    } catch (error) {
      if (signal.aborted) throw error;
      failed = { measure: name, reason: reasonOf(error) };
      progress.step(`${name} could not be measured: ${failed.reason}`);
    }
  };

  const liveMemory = options.measures.has('live') ? await watchLiveMemory(stage, signal) : undefined;
  await wanted('bare', () => bareCopy(stage, signal));
  const bootstrapped = await always('bootstrap', () => bootstrap(stage, signal));
  progress.step(`bootstrap took ${ms(bootstrapped.ms)}`);
  await wanted('live', async () => liveMemory?.());
  await wanted('churn', () => churn(stage, options.churn, signal));
  await wanted('large', () => largeService(stage, options.largeBackends, options.costRounds, quietly, signal));
  await wanted('publish', () => publish(stage, options.largeBackends, options.costRounds, quietly, signal));
  await wanted('agents', () => manyAgents(stage, options.agents, options.costRounds, quietly, signal));
  await wanted('storm', () => reconnectStorm(stage, signal));
  await wanted('silence', () => silentPeers(stage, signal));
  const loops = loopsOf(stage);
  // Last: the API server is another process afterwards.
  await wanted('restart', () => restart(stage, signal));
  const { size, datapath } = options;
  const { timeline } = sampler;
  return {
    ...NOTHING_FOUND,
    ...found,
    size,
    datapath,
    played: playedBy(stage),
    bootstrap: bootstrapped,
    failed,
    loops,
    timeline,
  };
}

type Found = { -readonly [M in Measure]?: Results[M] };

const NOTHING_FOUND = Object.fromEntries(MEASURES.map((name) => [name, undefined])) as Record<Measure, undefined>;

function passingText({ queues = {}, admitted, programmed }: Sample, during: string): string {
  const waiting = Object.entries(queues).filter(([, depth]) => depth > 0);
  const found = [
    ...(admitted === undefined ? [] : [`${admitted.toLocaleString('en')} records admitted`]),
    ...(programmed === undefined ? [] : [`${programmed.toLocaleString('en')} backends programmed`]),
    ...waiting.map(([name, depth]) => `${depth.toLocaleString('en')} waiting (${name})`),
  ];
  return `${during}: ${found.join(', ')}`;
}

function playedBy({ doors }: MeshStage): Results['played'] {
  const sum = (of: 'records' | 'bytes') => doors.reduce((total, door) => total + door[of], 0);
  return { records: sum('records'), bytes: sum('bytes') };
}

const loopsOf = (stage: MeshStage): Results['loops'] =>
  (['apiserver', 'agent'] as const).flatMap((process) => {
    const sample = loopOf(stage.dir, stage.pid(process));
    return sample === undefined ? [] : [{ process, ...latenessOf(sample) }];
  });

// Looks at everything that runs, all through a run: CPU and memory from /proc, lateness of event loops and heaps from the probes, queues
// and progress from the programs' own metrics. Looks at /proc cost the programs nothing; asking them does, so that they are asked
// again only after ten times as long as the answer took.

import { getOver } from '../../lab/http.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { metricSamples } from './exposition.ts';
import { PROCESSES } from './processes.ts';
import type { MeshStage, Process } from './stage.ts';
import { type ProcessSample, type Sample, type Timeline, TimelineRecorder } from './timeline.ts';
import { loopOf } from './usage.ts';

const ASK_PAUSE_RATIO = 10;
const ASK_PAUSE_MS = { min: 250, max: 2_000 };

type Asked = Pick<Sample, 'queues' | 'admitted' | 'programmed'>;

export class Sampler {
  readonly #stage: MeshStage;
  readonly #onSample: (sample: Sample, during: string) => void;
  readonly #recorder = new TimelineRecorder();
  readonly #begun = performance.now();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #asked: Asked = {};
  #quiet = false;
  #during = '';

  /** `onSample`: of each, and what it was taken during. */
  constructor(stage: MeshStage, onSample: (sample: Sample, during: string) => void) {
    this.#stage = stage;
    this.#onSample = onSample;
  }

  get timeline(): Timeline {
    return this.#recorder.timeline;
  }

  start(): void {
    const { signal } = this.#stop;
    this.#running = Promise.all([this.#look(signal), this.#ask(signal)]).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    // Whoever stops it hears of a failure; until then it is nobody's.
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
    const fromMs = this.#now();
    this.#during = name;
    try {
      return await work();
    } finally {
      this.#during = '';
      this.#recorder.addPhase({ name, fromMs, toMs: this.#now() });
    }
  }

  /** While what the programs use is counted to the millisecond, they are not asked anything. */
  async quietly<T>(work: () => Promise<T>): Promise<T> {
    this.#quiet = true;
    try {
      return await work();
    } finally {
      this.#quiet = false;
    }
  }

  #now(): number {
    return performance.now() - this.#begun;
  }

  async #look(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const processes: Partial<Record<Process, ProcessSample>> = {};
      for (const process of PROCESSES) {
        const found = this.#processSample(process);
        if (found !== undefined) processes[process] = found;
      }
      const sample = { atMs: Math.round(this.#now()), processes, ...this.#asked };
      this.#asked = {};
      this.#recorder.add(sample);
      if (this.#during !== '' && sample.queues !== undefined) this.#onSample(sample, this.#during);
      await sleep(systemClock, this.#recorder.intervalMs, signal);
    }
  }

  #processSample(process: Process): ProcessSample | undefined {
    try {
      const { cpuMs, rssBytes } = this.#stage.usage(process);
      const loop = loopOf(this.#stage.dir, this.#stage.pid(process));
      return { cpuMs, rssBytes, ...(loop && { heapBytes: loop.heapBytes, lateMs: loop.lateMs }) };
    } catch {
      // It does not run at this moment.
      return undefined;
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.#quiet) {
        await sleep(systemClock, ASK_PAUSE_MS.min, signal);
        continue;
      }
      const begun = this.#now();
      const { node, cluster } = this.#stage;
      const [apiServer, agent] = await Promise.all([metricsOf(cluster.apiServer.socket), metricsOf(node.socket)]);
      this.#asked = {
        queues: { ...queuesOf('API server', apiServer), ...queuesOf('agent', agent) },
        ...totalOf('admitted', apiServer, 'clustermesh_peer_records', ({ outcome }) => outcome === 'admitted'),
        ...totalOf('programmed', agent, 'clustermesh_agent_programmed_backends', () => true),
      };
      const pauseMs = ASK_PAUSE_RATIO * (this.#now() - begun);
      await sleep(systemClock, Math.min(Math.max(pauseMs, ASK_PAUSE_MS.min), ASK_PAUSE_MS.max), signal);
    }
  }
}

/** Undefined while it is too busy, or not there. */
async function metricsOf(socket: string): Promise<string | undefined> {
  const reply = await getOver(socket, '/metrics').catch(() => undefined);
  return reply?.status === 200 ? reply.body : undefined;
}

function queuesOf(program: string, text: string | undefined): Readonly<Record<string, number>> {
  if (text === undefined) return {};
  const metric = program === 'agent' ? 'clustermesh_agent_queue_depth' : 'clustermesh_queue_depth';
  return Object.fromEntries(
    metricSamples(text, metric).map(({ labels, value }) => [`${program}: ${labels.queue ?? ''}`, value]),
  );
}

function totalOf(
  name: 'admitted' | 'programmed',
  text: string | undefined,
  metric: string,
  counts: (labels: Readonly<Record<string, string>>) => boolean,
): Pick<Sample, 'admitted' | 'programmed'> {
  if (text === undefined) return {};
  const found = metricSamples(text, metric).filter(({ labels }) => counts(labels));
  return { [name]: found.reduce((sum, { value }) => sum + value, 0) };
}

// What a run looked like over time: samples at even intervals, however long it takes never more than a bound. When there are that many,
// two become one and the interval doubles; a peak survives that. Pure: whoever looks (sampler.ts) says when and what.

import type { Process } from './stage.ts';

export interface ProcessSample {
  /** Since the process began. */
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** Only of our own programs. */
  readonly heapBytes?: number;
  /** How late the event loop was at most, in the second before. */
  readonly lateMs?: number;
}

export interface Sample {
  /** Since the run began. */
  readonly atMs: number;
  /** Those that ran. */
  readonly processes: Readonly<Partial<Record<Process, ProcessSample>>>;
  /** By process and name; absent where nobody answered. */
  readonly queues?: Readonly<Record<string, number>>;
  /** Records of peers that were admitted; backends that the agent has programmed. */
  readonly admitted?: number;
  readonly programmed?: number;
}

/** A measure, and when it was taken. */
export interface Phase {
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Timeline {
  readonly samples: readonly Sample[];
  readonly phases: readonly Phase[];
}

export const SAMPLES_MAX = 400;
const INTERVAL_MS_FIRST = 200;

export class TimelineRecorder {
  #samples: Sample[] = [];
  readonly #phases: Phase[] = [];
  #intervalMs = INTERVAL_MS_FIRST;

  /** Until the next sample is due. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  get timeline(): Timeline {
    return { samples: this.#samples, phases: this.#phases };
  }

  add(sample: Sample): void {
    this.#samples.push(sample);
    if (this.#samples.length < SAMPLES_MAX) return;
    this.#samples = halved(this.#samples);
    this.#intervalMs *= 2;
  }

  addPhase(phase: Phase): void {
    this.#phases.push(phase);
  }
}

function halved(samples: readonly Sample[]): Sample[] {
  const half: Sample[] = [];
  for (let at = 0; at < samples.length; at += 2) {
    const [first, second] = [samples[at], samples[at + 1]];
    if (first !== undefined) half.push(second === undefined ? first : joined(first, second));
  }
  return half;
}

/** What grows is as it was at the end; what goes up and down as it was at its most. */
function joined(first: Sample, second: Sample): Sample {
  const processes = { ...first.processes, ...second.processes };
  for (const [name, before] of Object.entries(first.processes) as [Process, ProcessSample][]) {
    const after = second.processes[name];
    if (after === undefined) continue;
    const lateMs = most(before.lateMs, after.lateMs);
    processes[name] = { ...before, ...after, ...(lateMs === undefined ? {} : { lateMs }) };
  }
  const queues = joinedQueues(first.queues, second.queues);
  return { ...first, ...second, processes, ...(queues === undefined ? {} : { queues }) };
}

function joinedQueues(first: Sample['queues'], second: Sample['queues']): Sample['queues'] {
  if (first === undefined || second === undefined) return second ?? first;
  const names = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries([...names].map((name) => [name, most(first[name], second[name]) ?? 0]));
}

const most = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);

// The measures, each over a stage that is open: what is done, what is timed, and what it is compared with in the same run. Every one
// ends by itself. What they mean is in docs/scaling.md.

import type { Write } from '../../apiserver/store/port.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { openTarget } from '../propagation/client.ts';
import { type Figures, figuresOf } from '../propagation/moments.ts';
import type { PlayedDoor } from './player.ts';
import { remoteBackends } from './size.ts';
import type { MeshStage, Process } from './stage.ts';
import { usedSince } from './usage.ts';

/** More than this is not slow but stuck. */
const BOOTSTRAP_WITHIN_MS = 300_000;
const CHANGE_WITHIN_MS = 10_000;
const SILENCE_WITHIN_MS = 120_000;
/** As an API server lists: so many doors at a time keep two processors busy. */
const LISTED_AT_ONCE = 8;
/** etcd's own bound. */
const WRITES_PER_TXN = 128;

export interface Bare {
  readonly ms: number;
  /** Of the copying process, the doors and etcd together: a machine that is busy with others slows all of them alike. */
  readonly cpuMs: number;
  readonly records: number;
  readonly bytes: number;
}

/** What bootstrap cannot be faster than: every door's records read in pages, and written in batches under another prefix. */
export async function bareCopy(stage: MeshStage, signal: AbortSignal): Promise<Bare> {
  const etcd = await openTarget(stage.etcd);
  let [records, bytes] = [0, 0];
  const copy = async (door: PlayedDoor) => {
    const client = await openTarget(stage.door(door));
    try {
      for await (const { entries } of client.list('cilium/state/', signal)) {
        const writes = entries.map(
          ({ key, value }): Write => ({ type: 'put', key: `bench/${door.name}/${key}`, value }),
        );
        for (let at = 0; at < writes.length; at += WRITES_PER_TXN) {
          await etcd.transact(writes.slice(at, at + WRITES_PER_TXN), [], signal);
        }
        records += entries.length;
        bytes += entries.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      }
    } finally {
      client.close();
    }
  };
  const cpuSince = bareCpu(stage);
  const begun = performance.now();
  const waiting = [...stage.doors];
  const lane = async () => {
    for (let door = waiting.shift(); door !== undefined; door = waiting.shift()) await copy(door);
  };
  try {
    await Promise.all(Array.from({ length: LISTED_AT_ONCE }, lane));
    return { ms: performance.now() - begun, cpuMs: cpuSince(), records, bytes };
  } finally {
    etcd.close();
  }
}

function bareCpu(stage: MeshStage): () => number {
  const own = process.cpuUsage();
  const before = (['etcd', 'player'] as const).map((name) => [name, stage.usage(name)] as const);
  return () => {
    const { user, system } = process.cpuUsage(own);
    return before.reduce(
      (sum, [name, usage]) => sum + usedSince(usage, stage.usage(name)).cpuMs,
      (user + system) / 1_000,
    );
  };
}

export interface Bootstrap {
  readonly ms: number;
  readonly cpuMs: Readonly<Record<Process, number>>;
  /** Resident memory that came, per record of a remote endpoint: all other records and garbage are in it. */
  readonly apiServerBytesPerEndpoint: number;
  readonly agentBytesPerBackend: number;
}

const PROCESSES: readonly Process[] = ['apiserver', 'agent', 'etcd', 'player'];

const usages = (stage: MeshStage) => PROCESSES.map((process) => [process, stage.usage(process)] as const);

/** From the documents that name the peers to an agent that has programmed all of them. */
export async function bootstrap(stage: MeshStage, signal: AbortSignal): Promise<Bootstrap> {
  const before = new Map(usages(stage));
  stage.connect();
  const ms = await stage.until('bootstrap', () => stage.isWhole(), BOOTSTRAP_WITHIN_MS, signal);
  const used = (process: Process) => usedSince(before.get(process) ?? stage.usage(process), stage.usage(process));
  const { clusters, endpoints } = stage.size;
  const [apiserver, agent, etcd, player] = [used('apiserver'), used('agent'), used('etcd'), used('player')];
  return {
    ms,
    cpuMs: { apiserver: apiserver.cpuMs, agent: agent.cpuMs, etcd: etcd.cpuMs, player: player.cpuMs },
    apiServerBytesPerEndpoint: apiserver.rssBytes / (clusters * endpoints),
    agentBytesPerBackend: agent.rssBytes / remoteBackends(stage.size),
  };
}

export interface Churn {
  /** Milliseconds from a put of a service at a door to the agent's maps, while everything else changes. */
  readonly putToMap: Figures;
  /** The same of a backend less: the second is in it for which the agent leaves rows that readers may still come to. */
  readonly goneFromMap: Figures;
  readonly changesPerSecond: number;
  /** Connections to peers that ended meanwhile: every one was taken for broken without being it. */
  readonly linksLost: number;
  /** Of one core. */
  readonly cpuPercent: Readonly<Record<Process, number>>;
}

/** Endpoints, nodes and identities change at a rate; beside them, one service gains and loses a backend, again and again. */
export async function churn(stage: MeshStage, perSecond: number, seconds: number, signal: AbortSignal): Promise<Churn> {
  const usual = stage.size.backends;
  const base = remoteBackends(stage.size);
  const before = new Map(usages(stage));
  const lostBefore = await disconnects(stage);
  const begun = performance.now();
  const until = begun + seconds * 1_000;
  let made = 0;
  const gains: number[] = [];
  const losses: number[] = [];
  while (performance.now() < until) {
    signal.throwIfAborted();
    const due = Math.floor(((performance.now() - begun) / 1_000) * perSecond);
    if (due > made) await stage.play({ type: 'churn', changes: due - made, seed: made + 1 });
    made = due;
    losses.push(await setBackends(stage, usual - 1, base - 1, signal));
    gains.push(await setBackends(stage, usual, base, signal));
    await sleep(systemClock, 50, signal);
  }
  const wallMs = performance.now() - begun;
  const percent = (process: Process) => {
    const first = before.get(process) ?? stage.usage(process);
    return (100 * usedSince(first, stage.usage(process)).cpuMs) / wallMs;
  };
  return {
    putToMap: figuresOf(gains),
    goneFromMap: figuresOf(losses),
    changesPerSecond: (made * 1_000) / wallMs,
    linksLost: (await disconnects(stage)) - lostBefore,
    cpuPercent: {
      apiserver: percent('apiserver'),
      agent: percent('agent'),
      etcd: percent('etcd'),
      player: percent('player'),
    },
  };
}

const disconnects = async (stage: MeshStage): Promise<number> =>
  (await stage.status()).peers.reduce((sum, peer) => sum + peer.disconnects, 0);

/** How long until the agent has programmed it. */
async function setBackends(stage: MeshStage, backends: number, total: number, signal: AbortSignal): Promise<number> {
  const begun = performance.now();
  await stage.play<number>({ type: 'service', backends });
  const programmed = async () => (await stage.agent()).programmed.backends === total;
  await stage.until(`${total} backends`, programmed, CHANGE_WITHIN_MS, signal);
  return performance.now() - begun;
}

export interface LargeService {
  readonly backends: number;
  readonly putToMap: Figures;
  readonly goneFromMap: Figures;
  /** Of the service's record, as Cilium's schema has it: what a peer is sent for any change. */
  readonly recordBytes: number;
  readonly mapWrites: number;
  /** For each change: what the agent has read, and CPU. Heartbeats and the looks at its status are in it. */
  readonly agentReadBytes: number;
  readonly cpuMs: Readonly<Record<Process, number>>;
}

/** One backend more or less, of a service that has thousands in one cluster. */
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
  const before = new Map(usages(stage));
  const rows = (await stage.agent()).reconcile;
  const gains: number[] = [];
  const losses: number[] = [];
  for (let at = 0; at < changes; at += 2) {
    gains.push(await setBackends(stage, backends + 1, base + backends + 1, signal));
    losses.push(await setBackends(stage, backends, base + backends, signal));
  }
  const { rows_written, rows_removed } = (await stage.agent()).reconcile;
  const each = (process: Process) => {
    const used = usedSince(before.get(process) ?? stage.usage(process), stage.usage(process));
    return { cpuMs: used.cpuMs / changes, readBytes: used.readBytes / changes };
  };
  await setBackends(stage, usual, base + usual, signal);
  return {
    backends,
    putToMap: figuresOf(gains),
    goneFromMap: figuresOf(losses),
    recordBytes,
    mapWrites: (rows_written - rows.rows_written + (rows_removed - rows.rows_removed)) / changes,
    agentReadBytes: each('agent').readBytes,
    cpuMs: {
      apiserver: each('apiserver').cpuMs,
      agent: each('agent').cpuMs,
      etcd: each('etcd').cpuMs,
      player: each('player').cpuMs,
    },
  };
}

export interface Storm {
  readonly backMs: number;
  /** Fewest backends that the agent was seen with. */
  readonly backendsMin: number;
  readonly backendsBefore: number;
  /** Resident memory of the API server at its most, against before. */
  readonly memoryRatio: number;
}

/** Every connection ends in one moment. */
export async function reconnectStorm(stage: MeshStage, signal: AbortSignal): Promise<Storm> {
  const backendsBefore = (await stage.agent()).programmed.backends;
  const rssBefore = stage.usage('apiserver').rssBytes;
  const cutBefore = await disconnects(stage);
  let backendsMin = backendsBefore;
  let rssMax = rssBefore;
  await stage.play({ type: 'drop' });
  const isBack = async () => {
    backendsMin = Math.min(backendsMin, (await stage.agent()).programmed.backends);
    rssMax = Math.max(rssMax, stage.usage('apiserver').rssBytes);
    return (await disconnects(stage)) >= cutBefore + stage.size.clusters && (await stage.isWhole(backendsBefore));
  };
  const backMs = await stage.until('all peers are back', isBack, BOOTSTRAP_WITHIN_MS, signal);
  return { backMs, backendsMin, backendsBefore, memoryRatio: rssMax / rssBefore };
}

export interface Silence {
  /** Until the first, and the last, of the silent peers was not shown as live any more. */
  readonly firstMs: number;
  readonly allMs: number;
  readonly backMs: number;
}

/** The doors are there and say nothing: no connection ends. */
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

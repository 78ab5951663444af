// What is measured: one real cluster `reader` (etcd, API server, an agent with maps in memory), and the doors of a played mesh that
// it becomes a peer of. It starts, connects, reads and removes; what is measured with it is not its business.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kill } from 'node:process';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import type { AgentStatusDocument } from '../../agent/status/document.ts';
import type { StatusDocument } from '../../apiserver/status.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { getJsonOver } from '../../lab/http.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { LabNode } from '../../lab/node.ts';
import { writeYaml } from '../../lab/yaml-file.ts';
import { doorDnsName } from '../../mesh/model/certificate-names.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import { OperationalError, reasonOf } from '../../runtime/errors.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import type { Target } from '../propagation/client.ts';
import { startWorker, type Worker } from '../propagation/worker.ts';
import { KernelPlace } from './kernel-place.ts';
import type { PlayedDoor, PlayerRequest, PlayerSetup } from './player.ts';
import { type MeshSize, remoteBackends } from './size.ts';
import { liveOf, type Usage, usageOf } from './usage.ts';

/** The cluster that is measured. */
export const READER = {
  name: 'reader',
  id: 255,
  podCIDRs: ['10.255.0.0/16'],
  servicePrefix: '172.21.255',
  serviceCIDRs: ['172.21.255.0/24'],
  nodeCIDR: '192.168.255.0/24',
  nodes: ['reader-1'],
} as const;
/** Room for as much again; an agent keeps rows that go for a while. */
const MAP_ROOM = 2;
/** For the small services of the measured cluster, and the thousand backends of a service that many agents are told of. */
const FURTHER_ROWS = 4_000;
const LOOK_MS = 20;
/** Of the time it has taken so far: looks cost who is looked at, and whoever waits for long need not know it to the millisecond. */
const LOOK_SHARE = 0.01;
/** A heap of some gigabytes takes seconds. */
const COLLECTED_WITHIN_MS = 30_000;

/** Where the agent's maps are: `memory` needs no privilege. */
export type Datapath = 'memory' | 'ebpf';

export type Process = 'agent' | 'apiserver' | 'etcd' | 'player';

/** A program that is too busy to say how it is has not come to where it is waited for; anything else is a failure. */
export function isUnanswered(error: unknown): false {
  if (error instanceof OperationalError && error.retryable) return false;
  throw error;
}

export class MeshStage {
  readonly size: MeshSize;
  /** Samples of event loops, and profiles. */
  readonly dir = mkdtempSync(join(tmpdir(), 'bench-mesh-'));
  readonly #mesh: LabMesh;
  readonly #nodeOptions = process.env.NODE_OPTIONS ?? '';
  readonly #rows: number;
  readonly #kernel: KernelPlace | undefined;
  #cluster: LabCluster | undefined;
  #player: Worker | undefined;
  #doors: readonly PlayedDoor[] = [];

  /** `largest`: backends of the largest service that comes beside those of the size. */
  constructor(size: MeshSize, largest: number, datapath: Datapath, onProgress: (what: string) => void) {
    this.size = size;
    this.#rows = MAP_ROOM * (remoteBackends(size) + largest) + FURTHER_ROWS;
    if (datapath === 'ebpf') this.#kernel = new KernelPlace(this.dir);
    // On loopback either way: the agent programs the kernel, and nobody sends packets.
    this.#mesh = new LabMesh({ datapath: 'memory', clock: systemClock, onProgress });
  }

  async open(signal: AbortSignal): Promise<void> {
    const probe = pathToFileURL(join(packageRoot(), 'dist/bench/mesh/loop-probe.js')).href;
    // Every program that is started from here on inherits it.
    process.env.LOOP_PROBE_DIR = this.dir;
    process.env.NODE_OPTIONS = `${this.#nodeOptions} --import=${probe}`.trim();
    await this.#mesh.open();
    await this.#mesh.addClusters([READER], signal);
    const cluster = this.#mesh.cluster(READER.name);
    this.#cluster = cluster;
    for (let at = 0; at < this.size.services; at += 1) {
      cluster.addService({ namespace: 'shop', name: `service-${at}`, port: 80 });
    }
    await this.#kernel?.make();
    this.#configureAgent(cluster.folder.agentConfig(this.node.name));
    await this.#mesh.startAgents([cluster], signal);
    this.#player = await startWorker('mesh/player', { place: {}, setup: this.#playerSetup(cluster) });
    // It ends with this process, unless it is stopped, as silent peers are: then the next run has to find it.
    this.#mesh.state.processStarted(this.#player.pid);
    this.#doors = await this.play<readonly PlayedDoor[]>({ type: 'open' });
  }

  #configureAgent(file: string): void {
    const config = parse(readFileSync(file, 'utf8')) as { readonly datapath: object };
    const kernel = this.#kernel && { kind: 'ebpf', cgroup: this.#kernel.cgroup, pinDir: this.#kernel.pinDir };
    const sizes = { services: this.#rows, backends: this.#rows };
    writeYaml(file, { ...config, datapath: { ...config.datapath, ...kernel, sizes } });
  }

  #playerSetup(cluster: LabCluster): PlayerSetup {
    const ca = readFileSync(cluster.layout.authority.cert, 'utf8');
    return { size: this.size, reader: { name: cluster.name, ca }, dir: join(this.dir, 'ca') };
  }

  get doors(): readonly PlayedDoor[] {
    return this.#doors;
  }

  get cluster(): LabCluster {
    if (this.#cluster === undefined) throw new Error('the stage is not open');
    return this.#cluster;
  }

  get node(): LabNode {
    const [node] = this.cluster.nodes;
    if (node === undefined) throw new Error('the reader has no node');
    return node;
  }

  get etcd(): Target {
    const { places, layout } = this.cluster;
    return {
      endpoint: `127.0.0.1:${places.control.etcdPort}`,
      tls: { ca: [layout.authority.cert], ...layout.leaf('etcd-client') },
    };
  }

  door({ name, port, ca }: PlayedDoor): Target {
    return {
      endpoint: `127.0.0.1:${port}`,
      tls: { ca: [ca], ...this.cluster.layout.leaf('peer') },
      serverName: doorDnsName(name as ClusterName),
    };
  }

  /** From here on the reader follows all of them. */
  connect(): void {
    for (const { name, port, ca } of this.#doors) {
      const endpoints = [`https://127.0.0.1:${port}`];
      writeYaml(join(this.cluster.folder.peers, `${name}.yaml`), { name, endpoints, ca: [ca] });
    }
  }

  play<Answer = null>(request: PlayerRequest): Promise<Answer> {
    if (this.#player === undefined) throw new Error('the stage is not open');
    return this.#player.ask<Answer>(request);
  }

  pid(process: Process): number {
    const pids: Readonly<Record<Process, number | undefined>> = {
      agent: this.node.agent?.pid,
      apiserver: this.cluster.apiServer.process?.pid,
      etcd: this.cluster.etcd.pid,
      player: this.#player?.pid,
    };
    const pid = pids[process];
    if (pid === undefined) throw new Error(`${process} does not run`);
    return pid;
  }

  usage = (process: Process): Usage => usageOf(this.pid(process));

  /** What is in use of a program's memory, once everything else is collected. */
  async collect(process: 'agent' | 'apiserver', signal: AbortSignal): Promise<number> {
    const pid = this.pid(process);
    rmSync(join(this.dir, `live-${pid}.json`), { force: true });
    kill(pid, 'SIGUSR2');
    const live = () => liveOf(this.dir, pid);
    await this.until('a collection', async () => live() !== undefined, COLLECTED_WITHIN_MS, signal);
    return live() ?? Number.NaN;
  }

  agent = (): Promise<AgentStatusDocument> => getJsonOver(this.node.socket, '/v1/status');

  status = (): Promise<StatusDocument> => getJsonOver(this.cluster.apiServer.socket, '/v1/status');

  /** Until the condition holds; resolves with the milliseconds since it was asked for. */
  async until(
    what: string,
    holds: () => Promise<boolean>,
    withinMs: number,
    signal: AbortSignal,
    lookMs = LOOK_MS,
  ): Promise<number> {
    const begun = performance.now();
    while (!(await holds().catch(isUnanswered))) {
      signal.throwIfAborted();
      if (performance.now() - begun > withinMs) throw new Error(`${what}: not within ${withinMs} ms`);
      await sleep(systemClock, Math.max(lookMs, LOOK_SHARE * (performance.now() - begun)), signal);
    }
    return performance.now() - begun;
  }

  /** All records are admitted and written, and the agent has programmed every backend. */
  async isWhole(backends = remoteBackends(this.size)): Promise<boolean> {
    const agent = await this.agent();
    if (agent.programmed.backends !== backends) return false;
    const { peers, snapshot } = await this.status();
    return (
      peers.length === this.size.clusters &&
      peers.every(({ phase, synced, lag_ms }) => phase === 'live' && synced && lag_ms === 0) &&
      agent.programmed.revision === snapshot.revision
    );
  }

  /** Removes everything; resolves with what could not be. */
  async close(): Promise<readonly string[]> {
    this.#player?.stop();
    // They write their profile when they end, which they do not do when they are killed.
    if (process.env.LOOP_PROBE_PROFILE !== undefined) {
      await Promise.all([this.node.agent?.stop(), this.cluster.apiServer.process?.stop()]);
    }
    const left = [...(await this.#mesh.remove()).left];
    // What was measured is told whatever becomes of that.
    await this.#kernel?.remove().catch((error: unknown) => left.push(`maps in the kernel: ${reasonOf(error)}`));
    process.env.NODE_OPTIONS = this.#nodeOptions;
    // A profile is what somebody wants to look at.
    if (process.env.LOOP_PROBE_PROFILE === undefined) rmSync(this.dir, { recursive: true, force: true });
    return left;
  }
}

// A whole mesh on one machine, out of the built programs: clusters with etcd, API server and agents, connected to each other.
// It tells its progress, and removes everything it made. What the programs do is not its business: it starts, connects, reads.

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../runtime/clock.ts';
import { LabCluster } from './cluster.ts';
import { invite, type JoinOutcome, joinWith } from './joining.ts';
import { loopbackUnderlay } from './loopback-underlay.ts';
import type { LabNode } from './node.ts';
import { type ProcessOptions, startProcess } from './process.ts';
import { type Residue, removeLab } from './residue.ts';
import { RoutedUnderlay } from './routed-underlay.ts';
import { LabState, labsFolder } from './state.ts';
import { type ClusterSpec, planCluster } from './topology.ts';
import { Traffic } from './traffic.ts';
import type { Underlay } from './underlay.ts';

export interface LabMeshOptions {
  /** `ebpf`: namespaces and real packets, as root. `memory`: maps in memory on the host's loopback; no packet is forwarded. */
  readonly datapath: 'ebpf' | 'memory';
  readonly clock: Clock;
  /** What is being done now: `west: start etcd`. */
  readonly onProgress?: (step: string) => void;
  /** Where all labs are. @default labsFolder() */
  readonly folder?: string;
}

export interface LabJoin {
  readonly inviter: string;
  readonly joiner: string;
  /** As the inviter was shown. */
  readonly words: string;
  readonly outcome: JoinOutcome;
  readonly ms: number;
}

export class LabMesh {
  readonly state: LabState;
  readonly clusters = new Map<string, LabCluster>();
  readonly underlay: Underlay;
  readonly #options: LabMeshOptions;
  readonly #traffic: Traffic[] = [];

  constructor(options: LabMeshOptions) {
    this.#options = options;
    this.state = new LabState({
      folder: options.folder ?? labsFolder(),
      id: randomBytes(3).toString('hex'),
      owner: process.pid,
    });
    this.underlay = options.datapath === 'ebpf' ? new RoutedUnderlay(this.state) : loopbackUnderlay;
  }

  get dir(): string {
    return this.state.dir;
  }

  async open(): Promise<void> {
    this.#progress('lay the underlay');
    this.state.open();
    await this.underlay.open();
  }

  /** Starts clusters that know nothing of each other yet, all at the same time, up to API servers that are ready. */
  async addClusters(specs: readonly ClusterSpec[], signal: AbortSignal): Promise<readonly LabCluster[]> {
    const added: LabCluster[] = [];
    for (const spec of specs) added.push(await this.#place(spec));
    await Promise.all(added.map((cluster) => this.#startControl(cluster, signal)));
    return added;
  }

  async #place(spec: ClusterSpec): Promise<LabCluster> {
    const plan = planCluster(spec);
    this.#progress(`${plan.name}: make places, certificates and configurations`);
    const cluster = new LabCluster({
      plan,
      places: await this.underlay.addCluster(plan),
      dir: join(this.dir, plan.name),
      underlay: this.underlay,
      start: (options) => this.#start(options),
      clock: this.#options.clock,
    });
    await cluster.prepare();
    this.clusters.set(plan.name, cluster);
    return cluster;
  }

  async #startControl(cluster: LabCluster, signal: AbortSignal): Promise<void> {
    this.#progress(`${cluster.name}: start etcd`);
    await cluster.startEtcd();
    signal.throwIfAborted();
    this.#progress(
      `${cluster.name}: start ${cluster.apiServers.length === 1 ? 'the API server' : `${cluster.apiServers.length} API servers`}`,
    );
    await Promise.all(cluster.apiServers.map((server) => server.start()));
    await Promise.all(cluster.apiServers.map((server) => server.ready(signal)));
  }

  /** Agents on all nodes, until each has programmed a first snapshot. */
  async startAgents(clusters: readonly LabCluster[], signal: AbortSignal): Promise<void> {
    const nodes = clusters.flatMap((cluster) => cluster.nodes);
    this.#progress(`start the agents of ${nodes.map(({ name }) => name).join(', ')}`);
    await Promise.all(nodes.map((node) => node.startAgent()));
    await Promise.all(nodes.map((node) => node.agentReady(signal)));
  }

  /** Every two of them become peers of each other by documents, for tests that are not about joining. */
  async connect(clusters: readonly LabCluster[]): Promise<void> {
    this.#progress(`connect ${clusters.map(({ name }) => name).join(', ')}`);
    for (const one of clusters) {
      for (const other of clusters) if (one !== other) await one.addPeer(other);
    }
  }

  /** Every two of them become peers as their administrators would do it; resolves with how long each join took. */
  async joinAll(clusters: readonly LabCluster[]): Promise<readonly LabJoin[]> {
    const { clock } = this.#options;
    const joins: LabJoin[] = [];
    for (const [index, inviter] of clusters.entries()) {
      for (const joiner of clusters.slice(index + 1)) {
        this.#progress(`${inviter.name} invites, ${joiner.name} joins`);
        const begun = clock.monotonic();
        const { token, words } = await invite(inviter, joiner, clock);
        const outcome = await joinWith(joiner, token, clock);
        joins.push({ inviter: inviter.name, joiner: joiner.name, words, outcome, ms: clock.monotonic() - begun });
      }
    }
    return joins;
  }

  cluster(name: string): LabCluster {
    const cluster = this.clusters.get(name);
    if (cluster === undefined) throw new Error(`the mesh has no cluster ${name}`);
    return cluster;
  }

  /** Requests from inside a node to a URL, each over a new connection. */
  async startTraffic(node: LabNode, target: string, ratePerSecond: number): Promise<Traffic> {
    const name = `client-${node.name}-${this.#traffic.length}`;
    const traffic = new Traffic({
      name,
      target,
      place: node.at.place,
      logFile: join(this.dir, `${name}.log`),
      ratePerSecond,
      start: (options) => this.#start(options),
    });
    this.#traffic.push(traffic);
    await traffic.start();
    return traffic;
  }

  /** Ends every process and removes everything that this mesh has made. */
  async remove(): Promise<Residue> {
    await Promise.all(this.#traffic.map((traffic) => traffic.stop()));
    this.state.close();
    return removeLab(this.dir, this.state.record);
  }

  async #start(options: ProcessOptions) {
    const child = await startProcess(options);
    this.state.processStarted(child.pid);
    void child.exited.then(() => this.state.processEnded(child.pid));
    return child;
  }

  #progress(step: string): void {
    this.#options.onProgress?.(step);
  }
}

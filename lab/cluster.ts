// A cluster of the lab: its own authority, etcd, API server and nodes, and the files that describe it to them. Everything it
// shares with other clusters is in its folder of peers.

import { mkdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from '../mesh/conflict/report.ts';
import { etcdClientDnsName } from '../mesh/model/certificate-names.ts';
import { initCluster, trustPeer } from '../pki/init.ts';
import { type ClusterLayout, clusterLayout } from '../pki/layout.ts';
import type { Clock } from '../runtime/clock.ts';
import { LabApiServer } from './api-server.ts';
import {
  agentConfig,
  apiServerConfig,
  apiServerName,
  type ClusterFolder,
  type ConfigInput,
  clusterFolder,
  peerDocument,
} from './configs.ts';
import { type LabEtcd, startEtcd } from './etcd.ts';
import { ManifestFolder, namespaceManifest, nodeManifest } from './manifests.ts';
import { LabNode } from './node.ts';
import type { ObservedServices, ObservedStatus } from './observed.ts';
import type { StartProcess } from './process.ts';
import { LabService, type LabServiceSpec } from './service.ts';
import { type ClusterPlan, serviceAddress } from './topology.ts';
import type { ClusterPlaces, NodePlace, Underlay } from './underlay.ts';
import { writeYaml } from './yaml-file.ts';

export interface LabClusterDeps {
  readonly plan: ClusterPlan;
  readonly places: ClusterPlaces;
  /** For this cluster alone; does not exist yet. */
  readonly dir: string;
  readonly underlay: Underlay;
  readonly start: StartProcess;
  readonly clock: Clock;
}

export class LabCluster {
  readonly plan: ClusterPlan;
  readonly places: ClusterPlaces;
  readonly folder: ClusterFolder;
  readonly layout: ClusterLayout;
  readonly apiServers: readonly LabApiServer[];
  readonly nodes: readonly LabNode[];
  readonly #deps: LabClusterDeps;
  readonly #manifests: ManifestFolder;
  readonly #services: LabService[] = [];
  readonly #podsOn = new Map<NodePlace, number>();
  #etcd: LabEtcd | undefined;

  constructor(deps: LabClusterDeps) {
    const { plan, places, dir, start } = deps;
    this.#deps = deps;
    this.plan = plan;
    this.places = places;
    this.folder = clusterFolder(dir);
    this.layout = clusterLayout(this.folder.pki);
    this.#manifests = new ManifestFolder(this.folder.manifests);
    this.apiServers = places.control.servers.map(
      (_, replica) =>
        new LabApiServer({
          name: `${plan.name}-${apiServerName(replica)}`,
          place: places.control.place,
          configFile: this.folder.apiServerConfig(replica),
          socket: this.folder.apiServerSocket(replica),
          logs: this.folder.logs,
          start,
        }),
    );
    this.nodes = places.nodes.map(
      (at) =>
        new LabNode({
          at,
          configFile: this.folder.agentConfig(at.plan.name),
          socket: this.folder.agentSocket(at.plan.name),
          logs: this.folder.logs,
          start,
        }),
    );
  }

  get name(): string {
    return this.plan.name;
  }

  /** The first of them, which most clusters have alone. */
  get apiServer(): LabApiServer {
    const [first] = this.apiServers;
    if (first === undefined) throw new Error(`${this.name} has no API server`);
    return first;
  }

  /** Everything on disk that the programs want to find: credentials, configurations, the nodes' manifests. */
  async prepare(): Promise<void> {
    const { plan, places, clock } = this.#deps;
    for (const dir of [this.folder.logs, this.folder.peers, this.folder.etcd]) mkdirSync(dir, { recursive: true });
    this.#manifests.create();
    await initCluster({
      dir: this.folder.pki,
      cluster: plan.name,
      nodes: plan.nodes.map(({ name }) => name),
      addresses: {
        etcd: [],
        door: [places.control.address],
        rpc: [places.control.address],
        http: [places.control.address],
      },
      now: clock.now(),
    });
    const input: ConfigInput = { plan, control: places.control, folder: this.folder, layout: this.layout };
    for (const [replica, { configFile }] of this.apiServers.entries()) {
      writeYaml(configFile, apiServerConfig(input, replica));
    }
    for (const node of places.nodes) {
      writeYaml(this.folder.agentConfig(node.plan.name), agentConfig(input, node));
    }
    this.#manifests.apply(
      ...plan.nodes.map(({ name, address, podCIDR }) => nodeManifest(name, address, podCIDR)),
      namespaceManifest('default'),
    );
  }

  async startEtcd(): Promise<LabEtcd> {
    const { place, etcdPort } = this.places.control;
    this.#etcd = await startEtcd({
      dir: this.folder.etcd,
      name: this.name,
      clientPort: etcdPort,
      tls: {
        ca: this.layout.authority.cert,
        ...this.layout.leaf('etcd-server'),
        clientDnsName: etcdClientDnsName(this.plan.name),
      },
      place,
      start: this.#deps.start,
      withoutFsync: true,
      extraArgs: this.plan.spec.tuning?.etcdArgs ?? [],
    });
    return this.#etcd;
  }

  get etcd(): LabEtcd {
    if (this.#etcd === undefined) throw new Error(`the etcd of ${this.name} has not been started`);
    return this.#etcd;
  }

  /** Tells this cluster of a peer; the peer has to be told of this one as well. */
  async addPeer(peer: LabCluster): Promise<void> {
    const ca = await trustPeer(this.layout, peer.plan.name, await readFile(peer.layout.authority.cert, 'utf8'));
    writeYaml(join(this.folder.peers, `${peer.name}.yaml`), peerDocument(peer.name, peer.places.control, ca));
  }

  removePeer(peer: LabCluster): void {
    rmSync(join(this.folder.peers, `${peer.name}.yaml`), { force: true });
  }

  /** A global service without backends. */
  addService(spec: Omit<LabServiceSpec, 'clusterIP'>): LabService {
    const { plan, underlay, start } = this.#deps;
    const service = new LabService(
      { ...spec, clusterIP: serviceAddress(plan, this.#services.length) },
      {
        cluster: this.name,
        folder: this.folder,
        manifests: this.#manifests,
        underlay,
        start,
        nextPod: (node) => this.#nextPod(node),
      },
    );
    this.#services.push(service);
    this.#manifests.apply(namespaceManifest(spec.namespace));
    service.publish();
    return service;
  }

  get serviceList(): readonly LabService[] {
    return this.#services;
  }

  status(): Promise<ObservedStatus> {
    return this.apiServer.status();
  }

  services(): Promise<ObservedServices> {
    return this.apiServer.services();
  }

  conflicts(): Promise<Report> {
    return this.apiServer.conflicts();
  }

  #nextPod(node: NodePlace): number {
    const index = this.#podsOn.get(node) ?? 0;
    this.#podsOn.set(node, index + 1);
    return index;
  }
}

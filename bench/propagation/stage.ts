// What is measured: a cluster `east` whose etcd is changed, a cluster `west` with a node that dials, an idle mesh between them.
// East's publisher is kept from writing for as long as the benchmark writes in its place: it would put the changes right.

import type { LabCluster } from '../../lab/cluster.ts';
import { sliceNameOf } from '../../lab/manifests.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { ClusterSpec } from '../../lab/topology.ts';
import { doorDnsName, rpcDnsName } from '../../mesh/model/certificate-names.ts';
import { type ClusterName, parseServiceKey } from '../../mesh/model/names.ts';
import { serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { sleep, systemClock } from '../../runtime/clock.ts';
import type { Target } from './client.ts';
import type { DialAnswer, DialRequest } from './first-connect.ts';
import type { HopNews, HopSetup } from './hops.ts';
import { startWorker, type Worker } from './worker.ts';
import type { PutAnswer, RawAnswer, WriterRequest } from './writer.ts';

const spec = (name: string, id: number, nodes: readonly string[]): ClusterSpec => ({
  name,
  id,
  podCIDRs: [`10.${id}.0.0/16`],
  serviceCIDRs: [`172.20.${id}.0/24`],
  nodeCIDR: `192.168.${id}.0/24`,
  nodes,
});

const SERVICE = { namespace: 'bench', name: 'probe', port: 80 } as const;
const ELECTION = 'clustermesh/v1/election/writer';
/** A mesh comes together in a few seconds; a change that takes longer than this is lost. */
const TOGETHER_MS = 60_000;
const LOST_MS = 5_000;
const POLL_MS = 50;

export interface Change extends PutAnswer {
  /** When the first connect that succeeded was begun. */
  readonly connectedAt: number;
}

export class PropagationStage {
  readonly #mesh: LabMesh;
  readonly #workers: Worker[] = [];
  #west: LabCluster | undefined;
  #east: LabCluster | undefined;
  #dialler: Worker | undefined;
  #writer: Worker | undefined;
  #key = '';
  /** The slice of the service, which is what travels between clusters, with its backend, and without. */
  #values = { with: '', without: '' };

  constructor(onProgress: (what: string) => void) {
    this.#mesh = new LabMesh({ datapath: 'ebpf', clock: systemClock, onProgress });
  }

  /** Of the value that is written, which the bare put → watch has too. */
  get valueBytes(): number {
    return this.#values.with.length;
  }

  async open(signal: AbortSignal): Promise<void> {
    const mesh = this.#mesh;
    await mesh.open();
    // The second node of west has no agent: its identity is for listening to what agents are told.
    const clusters = await mesh.addClusters(
      [spec('west', 1, ['west-1', 'west-2']), spec('east', 2, ['east-1'])],
      signal,
    );
    const [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    this.#west = west;
    this.#east = east;
    const [node] = west.nodes;
    const [pods] = east.nodes;
    if (node === undefined || pods === undefined) throw new Error('both clusters need a node');
    await node.startAgent();
    await node.agentReady(signal);
    await mesh.connect(clusters);
    const there = east.addService(SERVICE);
    there.announce(await there.startBackend(pods.at));
    const here = west.addService(SERVICE);
    this.#dialler = await this.#start('first-connect', node.at.place, {
      address: here.spec.clusterIP,
      port: here.spec.port,
    });
    await this.#dial('connected', TOGETHER_MS);
    await this.#takeOver(east);
  }

  async #takeOver(east: LabCluster): Promise<void> {
    const key = parseServiceKey(`${SERVICE.namespace}/${SERVICE.name}`);
    if (!key.ok) throw new Error(key.error);
    this.#key = serviceSliceKey(east.plan.name as ClusterName, {
      service: key.value,
      slice: sliceNameOf(SERVICE.name),
    });
    this.#writer = await this.#start('writer', east.places.control.place, ownEtcd(east));
    const value = await this.#ask<string>({ type: 'get', key: this.#key });
    this.#values = { with: value, without: JSON.stringify({ ...JSON.parse(value), backends: {} }) };
    await this.#ask({ type: 'put', key: ELECTION, value: 'the benchmark' });
    const deadline = performance.now() + TOGETHER_MS;
    while ((await east.status()).leader) {
      if (performance.now() > deadline) throw new Error('the publisher of east goes on');
      await sleep(systemClock, POLL_MS);
    }
  }

  /** A backend appears in east's etcd: until a node of west reaches it. Before that it is made to be gone. */
  async change(): Promise<Change> {
    await this.withdraw();
    const dialled = this.#dial('connected', LOST_MS);
    // The dialler is at it before the change is made, at no fixed distance.
    await sleep(systemClock, 5 + 10 * Math.random());
    const put = await this.#ask<PutAnswer>({ type: 'put', key: this.#key, value: this.#values.with });
    return { ...put, connectedAt: await dialled };
  }

  async withdraw(): Promise<void> {
    await this.#ask({ type: 'put', key: this.#key, value: this.#values.without });
    await this.#dial('rejected', LOST_MS);
  }

  /** A bare put → watch on the same etcd, over the same kind of connection, of a value of the same size. */
  async raw(): Promise<number> {
    return (await this.#ask<RawAnswer>({ type: 'raw', bytes: this.valueBytes })).ms;
  }

  /** From now on, what passes where on the way is told. */
  async listen(onNews: (news: HopNews) => void): Promise<void> {
    const [west, east] = [this.#west, this.#east];
    if (west === undefined || east === undefined) throw new Error('the stage is not open');
    const door = {
      endpoint: `${east.places.control.address}:${east.places.control.servers[0]?.door}`,
      tls: { ca: [west.layout.trustStore(east.name)], ...west.layout.leaf('peer') },
      serverName: doorDnsName(east.plan.name),
    };
    const rpc = {
      endpoint: `${west.places.control.address}:${west.places.control.servers[0]?.rpc}`,
      tls: { ca: [west.layout.authority.cert], ...west.layout.agent('west-2') },
      serverName: rpcDnsName(west.plan.name),
    };
    const cached = serviceSliceKind.cacheKey(east.plan.name, this.#key);
    const [there, here] = [east.places.control.place, west.places.control.place];
    const prefix = serviceSliceKind.stateKey(east.plan.name, '');
    const state = { type: 'key', key: this.#key, prefix } as const;
    const service = `${SERVICE.namespace}/${SERVICE.name}`;
    const setups: readonly (readonly [typeof here, HopSetup])[] = [
      [there, { hop: "east's etcd", ...ownEtcd(east), ...state }],
      [here, { hop: "east's door", ...door, ...state }],
      [here, { hop: "west's etcd", ...ownEtcd(west), type: 'key', key: cached, prefix: 'clustermesh/v1/cache/' }],
      [here, { hop: 'snapshot', ...rpc, prefix: '', type: 'snapshot', node: 'west-2', service }],
    ];
    for (const [place, setup] of setups) await this.#start('hops', place, setup, (news) => onNews(news as HopNews));
  }

  /** Removes everything; resolves with what could not be. */
  async close(): Promise<readonly string[]> {
    for (const worker of this.#workers) worker.stop();
    return (await this.#mesh.remove()).left;
  }

  async #start(
    program: 'writer' | 'first-connect' | 'hops',
    place: { readonly netns?: string; readonly cgroup?: string },
    setup: object,
    onNews: (news: object) => void = () => {},
  ): Promise<Worker> {
    const worker = await startWorker(`propagation/${program}`, { place, setup, onNews });
    this.#workers.push(worker);
    return worker;
  }

  async #dial(until: DialRequest['until'], timeoutMs: number): Promise<number> {
    const answer = await this.#dialler?.ask<DialAnswer>({ until, timeoutMs } satisfies DialRequest);
    if (answer?.at === undefined) throw new Error(`a connect is not ${until} within ${timeoutMs} ms`);
    return answer.at;
  }

  async #ask<Answer>(request: WriterRequest): Promise<Answer> {
    if (this.#writer === undefined) throw new Error('the stage is not open');
    return this.#writer.ask<Answer>(request);
  }
}

const ownEtcd = ({ places, layout }: LabCluster): Target => ({
  endpoint: `127.0.0.1:${places.control.etcdPort}`,
  tls: { ca: [layout.authority.cert], ...layout.leaf('etcd-client') },
});

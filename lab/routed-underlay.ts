// A flat network of namespaces. One namespace, the fabric, stands for the network between machines: every node and every
// control place hangs on it by a cable of its own, and it routes their addresses and the nodes' pod ranges. Point-to-point
// addresses, so that no two clusters share a segment and no range of theirs has to fit another's.
//
//   node eth0 192.168.1.11/32 ── default via 169.254.1.1 ──▶ fabric v3 ── 192.168.1.11, 10.1.1.0/24 ──▶ back
//
// Every node also has a cgroup, in which its processes live, and a folder for pins on a bpffs that the lab mounted.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { OperationalError } from '../runtime/errors.ts';
import { mountBpffs } from './bpffs.ts';
import { cgroup2Mount, createCgroup } from './cgroup.ts';
import { configureNetns, createNetns, createVeth, setSysctl } from './netns.ts';
import { LAB_PREFIX, type LabState } from './state.ts';
import { type ClusterPlan, replicasOf } from './topology.ts';
import type { ClusterPlaces, NodePlace, Underlay } from './underlay.ts';

/** The fabric's end of every cable; link-local, so that it needs no range of anybody's. */
const GATEWAY = '169.254.1.1';
const DEVICE = 'eth0';
/** A control place is a namespace of its own, so that every cluster has the same ports. etcd is on its loopback only. */
const ETCD_PORT = 2381;
const serverPorts = (replica: number) => ({
  door: 2379 - replica * 100,
  rpc: 9878 - replica * 100,
  join: 2380 - replica * 100,
  http: 9880 - replica * 100,
});

export class RoutedUnderlay implements Underlay {
  readonly forwards = true;
  readonly #state: LabState;
  #cables = 0;

  constructor(state: LabState) {
    this.#state = state;
  }

  get #bpffs(): string {
    return join(this.#state.dir, 'bpf');
  }

  get #cgroup(): string {
    const mount = cgroup2Mount();
    if (mount === undefined) {
      throw new OperationalError({
        code: 'LAB_CGROUP2',
        operation: 'make cgroup',
        reason: 'no cgroup2 is mounted',
        hint: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified',
      });
    }
    return join(mount, `${LAB_PREFIX}${this.#state.id}`);
  }

  #netns(name: string): string {
    return `${LAB_PREFIX}${this.#state.id}-${name}`;
  }

  async open(): Promise<void> {
    this.#state.willMake('cgroups', this.#cgroup);
    createCgroup(this.#cgroup);
    this.#state.willMake('mounts', this.#bpffs);
    await mountBpffs(this.#bpffs);
    const fabric = await this.#createNetns('fabric');
    await setSysctl(fabric, 'net.ipv4.ip_forward', '1');
    // Every cable has the same address at the fabric's end, which a check of the way back would take for spoofing.
    for (const scope of ['all', 'default']) await setSysctl(fabric, `net.ipv4.conf.${scope}.rp_filter`, '0');
  }

  async addCluster(plan: ClusterPlan): Promise<ClusterPlaces> {
    const netns = await this.#connect(`${plan.name}-ctl`, plan.controlAddress, []);
    const control = {
      place: { netns, cgroup: this.#createCgroup(`${plan.name}-ctl`) },
      address: plan.controlAddress,
      listenAddress: '0.0.0.0',
      etcdPort: ETCD_PORT,
      servers: replicasOf(plan).map(serverPorts),
    };
    const nodes: NodePlace[] = [];
    for (const node of plan.nodes) {
      const nodeNetns = await this.#connect(node.name, node.address, [node.podCIDR]);
      const cgroup = this.#createCgroup(node.name);
      const pinDir = join(this.#bpffs, node.name);
      mkdirSync(pinDir);
      nodes.push({ plan: node, place: { netns: nodeNetns, cgroup }, kernel: { cgroup, pinDir } });
    }
    return { control, nodes };
  }

  async addPodAddress({ place }: NodePlace, address: string): Promise<void> {
    if (place.netns !== undefined) await configureNetns(place.netns, [`addr add ${address}/32 dev lo`]);
  }

  async removePodAddress({ place }: NodePlace, address: string): Promise<void> {
    if (place.netns !== undefined) await configureNetns(place.netns, [`addr del ${address}/32 dev lo`]);
  }

  /** A namespace with a cable to the fabric, which routes `address` and `ranges` to it. */
  async #connect(name: string, address: string, ranges: readonly string[]): Promise<string> {
    const netns = await this.#createNetns(name);
    const fabric = this.#netns('fabric');
    const cable = `v${this.#cables}`;
    this.#cables += 1;
    await createVeth({ netns, device: DEVICE }, { netns: fabric, device: cable });
    await configureNetns(netns, [
      `addr add ${address}/32 dev ${DEVICE}`,
      `route add ${GATEWAY} dev ${DEVICE} scope link`,
      `route add default via ${GATEWAY} dev ${DEVICE} src ${address}`,
    ]);
    await configureNetns(fabric, [
      `addr add ${GATEWAY}/32 dev ${cable}`,
      `route add ${address}/32 dev ${cable}`,
      ...ranges.map((range) => `route add ${range} via ${address} dev ${cable}`),
    ]);
    return netns;
  }

  async #createNetns(name: string): Promise<string> {
    const netns = this.#netns(name);
    this.#state.willMake('netns', netns);
    await createNetns(netns);
    return netns;
  }

  #createCgroup(name: string): string {
    const path = join(this.#cgroup, name);
    createCgroup(path);
    return path;
  }
}

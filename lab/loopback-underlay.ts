// Everything on the host's loopback, at free ports, without root. Addresses of pods exist on paper only.

import { freePort } from './free-port.ts';
import { HOST } from './place.ts';
import { replicasOf } from './topology.ts';
import type { ServerPorts, Underlay } from './underlay.ts';

const LOOPBACK = '127.0.0.1';

export const loopbackUnderlay: Underlay = {
  forwards: false,
  async open() {},
  async addCluster(plan) {
    const etcdPort = await freePort();
    const servers: ServerPorts[] = [];
    for (const _ of replicasOf(plan))
      servers.push({ door: await freePort(), rpc: await freePort(), join: await freePort(), http: await freePort() });
    return {
      control: { place: HOST, address: LOOPBACK, listenAddress: LOOPBACK, etcdPort, servers },
      nodes: plan.nodes.map((node) => ({ plan: node, place: HOST, kernel: undefined })),
    };
  },
  async addPodAddress() {},
  async removePodAddress() {},
};

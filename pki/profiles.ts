// What each kind of certificate in a cluster is for: its usages and the names it always carries. Addresses and further names
// come with each request (issue.ts).

import {
  type CertificateRole,
  doorDnsName,
  etcdClientDnsName,
  httpDnsName,
  peerCommonName,
  roleUri,
  rpcDnsName,
} from '../mesh/model/certificate-names.ts';
import type { ClusterName } from '../mesh/model/names.ts';

/**
 * etcd-server: the cluster's private etcd. etcd-client: the API server towards it. door: what peers and Cilium's clients
 * connect to. peer: what this cluster shows at its peers' doors. rpc: what agents connect to. agent: one node's agent.
 * http: the HTTP API of an API server. admin: a person's command line.
 * metrics: whoever scrapes the HTTP API.
 */
export type Profile = 'etcd-server' | 'etcd-client' | 'door' | 'peer' | 'rpc' | 'http' | 'agent' | 'admin' | 'metrics';

export type Usage = 'server' | 'client';

export interface CertificateNames {
  readonly usage: Usage;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  /** Absent from the certificate of etcd, which has no part in the mesh. */
  readonly uri: string | undefined;
}

export interface Subject {
  readonly profile: Profile;
  readonly cluster: ClusterName;
  /** Only of an agent. */
  readonly node?: string;
}

export function namesOf({ profile, cluster, node }: Subject): CertificateNames {
  const role = (role: Exclude<CertificateRole['role'], 'agent'>) => roleUri({ role, cluster });
  switch (profile) {
    case 'etcd-server':
      return { usage: 'server', commonName: `etcd.${cluster}`, dnsNames: [], uri: undefined };
    case 'etcd-client':
      return {
        usage: 'client',
        commonName: `etcd-client.${cluster}`,
        dnsNames: [etcdClientDnsName(cluster)],
        uri: role('apiserver'),
      };
    case 'door':
      return {
        usage: 'server',
        commonName: `door.${cluster}`,
        dnsNames: [doorDnsName(cluster)],
        uri: role('apiserver'),
      };
    case 'peer':
      return { usage: 'client', commonName: peerCommonName(cluster), dnsNames: [], uri: role('peer') };
    case 'rpc':
      return { usage: 'server', commonName: `rpc.${cluster}`, dnsNames: [rpcDnsName(cluster)], uri: role('apiserver') };
    case 'http':
      return {
        usage: 'server',
        commonName: `http.${cluster}`,
        dnsNames: [httpDnsName(cluster)],
        uri: role('apiserver'),
      };
    case 'agent': {
      if (node === undefined) throw new TypeError('the certificate of an agent needs the name of its node');
      const agent: CertificateRole = { role: 'agent', cluster, node };
      return { usage: 'client', commonName: shortCommonName(node), dnsNames: [], uri: roleUri(agent) };
    }
    case 'admin':
      return { usage: 'client', commonName: `admin.${cluster}`, dnsNames: [], uri: role('admin') };
    case 'metrics':
      return { usage: 'client', commonName: `metrics.${cluster}`, dnsNames: [], uri: role('metrics') };
    default:
      return profile satisfies never;
  }
}

/** X.520's bound on a common name. A node's name may be longer; its whole name is in the URI, which is what counts. */
const COMMON_NAME_LENGTH_MAX = 64;
const shortCommonName = (name: string): string => name.slice(0, COMMON_NAME_LENGTH_MAX);

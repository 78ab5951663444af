// Where a cluster's credentials stand below one folder. STABLE: configurations name these paths.
//
//   cluster.json                   whose folder this is: {cluster, id?, leafLifeMs?}
//   ca/{ca.pem,key.pem}            the authority: everybody who may vouch for this cluster, and the key that signs
//   ca/next-key.pem                while it is replaced: the key that is to sign
//   ca/previous-key.pem            after that, until it is retired: the key that has signed
//   <profile>/{cert.pem,key.pem}   etcd-server, etcd-client, door, peer, rpc, http, admin, metrics
//   agents/<node>/{cert.pem,key.pem}
//   trust/<peer>/ca.pem            the trust store bound to that peer, and to no other

import { join } from 'node:path';
import type { Pair } from './files.ts';
import type { Profile } from './profiles.ts';

export interface ClusterLayout {
  readonly dir: string;
  readonly record: string;
  readonly authority: Pair;
  /** Private keys that stand there only while the authority is replaced. */
  readonly rotation: { readonly nextKey: string; readonly previousKey: string };
  /** A folder for each node. */
  readonly agents: string;
  /** A folder for each peer. */
  readonly trust: string;
  leaf(profile: Exclude<Profile, 'agent'>): Pair;
  agent(node: string): Pair;
  trustStore(peer: string): string;
}

export function clusterLayout(dir: string): ClusterLayout {
  const pair = (...path: string[]): Pair => ({
    cert: join(dir, ...path, 'cert.pem'),
    key: join(dir, ...path, 'key.pem'),
  });
  return {
    dir,
    record: join(dir, 'cluster.json'),
    authority: { cert: join(dir, 'ca', 'ca.pem'), key: join(dir, 'ca', 'key.pem') },
    rotation: { nextKey: join(dir, 'ca', 'next-key.pem'), previousKey: join(dir, 'ca', 'previous-key.pem') },
    agents: join(dir, 'agents'),
    trust: join(dir, 'trust'),
    leaf: (profile) => pair(profile),
    agent: (node) => pair('agents', node),
    trustStore: (peer) => join(dir, 'trust', peer, 'ca.pem'),
  };
}

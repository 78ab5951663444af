// etcd's own command, at a cluster's own etcd: for what no program of ours would write.

import type { LabCluster } from '../../lab/cluster.ts';
import { runCommand } from '../../lab/command.ts';
import { commandAt } from '../../lab/place.ts';

/** Resolves with standard output. `input` is the value of a put. */
export function etcdctl(cluster: LabCluster, args: readonly string[], input?: string): Promise<string> {
  const { cert, key } = cluster.layout.leaf('etcd-client');
  const { place, etcdPort } = cluster.places.control;
  const line = commandAt(place, {
    command: 'env',
    args: [
      ...['ETCDCTL_API=3', 'etcdctl', '--endpoints', `https://127.0.0.1:${etcdPort}`],
      ...['--cacert', cluster.layout.authority.cert, '--cert', cert, '--key', key, ...args],
    ],
  });
  return runCommand(line.command, line.args, input);
}

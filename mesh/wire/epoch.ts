// STABLE: `clustermesh/v1/epoch`, 16 hexadecimal digits: which filling of a cluster's own etcd this is. A cluster id is not
// enough to tell: an etcd that was wiped and started again with the same flags has the same id, and lower revisions. The epoch
// is random, written once, when everything that the cluster and its peers have to say has been written, and never changed; so
// it also says that this etcd is not on its way to be filled. Not visible to peers.

import { err, ok, type Result } from '../model/result.ts';

export const EPOCH_KEY = 'clustermesh/v1/epoch';

const EPOCH = /^[0-9a-f]{16}$/;

export function decodeEpoch(bytes: Uint8Array): Result<string, string> {
  const text = bytes.length === 16 ? String.fromCharCode(...bytes) : '';
  return EPOCH.test(text) ? ok(text) : err('not 16 hexadecimal digits');
}

/** The name of one history of one etcd: the `storeId` in the position of a snapshot. */
export const historyId = (clusterId: string, epoch: string): string => `${clusterId}-${epoch}`;

// A range of addresses that a cluster uses: declared in its card, or seen at its nodes.

import type { ClusterName } from '../model/names.ts';
import type { Prefix } from '../model/prefix.ts';

export type RangeKind = 'pod' | 'service' | 'node';

export interface ClusterRange {
  readonly cluster: ClusterName;
  readonly kind: RangeKind;
  readonly prefix: Prefix;
  /** Where it is written: a field of the card, or the key of a node. */
  readonly key: string;
  /** False for what was only seen at nodes: it has no history that could be compared. */
  readonly declared: boolean;
  /** Declared, and not wholly inside what the cluster had when it was admitted. */
  readonly grown: boolean;
}

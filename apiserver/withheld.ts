// What an API server can be told to do without, as a version does that does not have it: it neither offers it nor uses what others
// offer. So a mesh can be upgraded first and change how it speaks later, a capability that makes trouble can be taken back without a
// downgrade, and tests have an older version to meet. What stands in the own etcd, for replicas of the same cluster, is as ever.

import { SERVICE_PIECES, SERVICE_SPECS, TRUST_BUNDLE } from '../mesh/wire/card.ts';
import { ADDRESS_STREAM } from '../mesh/wire/mesh-method.ts';

export const WITHHOLDABLE = [SERVICE_SPECS, SERVICE_PIECES, TRUST_BUNDLE, ADDRESS_STREAM] as const;

export type Withholdable = (typeof WITHHOLDABLE)[number];
export type Withheld = ReadonlySet<Withholdable>;

export const NOTHING_WITHHELD: Withheld = new Set();

// What the own cluster announces next: the authorities of its file, under a sequence that grows whenever they change. The
// sequence is never below the time, so that an etcd that was wiped does not begin anew with bundles that peers have long taken.
// Pure.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { sameAnchors } from './anchors.ts';

export interface OwnBundleInput {
  readonly cluster: ClusterName;
  readonly anchors: readonly string[];
  /** What is announced now. */
  readonly before: TrustBundle | undefined;
  readonly taken: Readonly<Record<string, number>>;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What SPIFFE advises where nobody knows better. Peers of ours watch, and are told at once. */
const REFRESH_HINT_SECONDS = 300;

export function ownBundle({ cluster, anchors, before, taken, now }: OwnBundleInput): TrustBundle {
  const unchanged = before !== undefined && sameAnchors(before.anchors, anchors);
  return {
    cluster,
    sequence: unchanged ? before.sequence : Math.max((before?.sequence ?? 0) + 1, now),
    refreshHintSeconds: REFRESH_HINT_SECONDS,
    anchors: unchanged ? before.anchors : anchors,
    taken,
  };
}

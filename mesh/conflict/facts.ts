// What is known of a mesh when it is judged: for each cluster what it declares, what it publishes, and how old that is. Raw where it
// came raw, so that online and offline feed the same facts and decoding is part of what is judged.

import type { ClusterCard } from '../model/cluster.ts';
import type { ClusterName } from '../model/names.ts';
import { decodeCard } from '../wire/card.ts';
import { decodeClusterConfig } from '../wire/cluster-config.ts';
import { misfit, type RecordProblem } from '../wire/record.ts';
import type { Severity } from './finding.ts';
import { parseInstant } from './order.ts';

/** What could be read, and what could not. A value beside problems is what is left, or an earlier one. */
export interface Reading<T> {
  readonly value?: T;
  readonly problems: readonly RecordProblem[];
}

/** Something that cannot be used as it is written (CM-REC-001), found before any rule looked at it. */
export interface FieldProblem {
  readonly severity: Severity;
  readonly key: string;
  readonly field: string;
  readonly value: string;
  readonly reason: string;
}

/** `cilium/cluster-config/<name>`, as far as it is compared. */
export interface ConfigFact {
  /** The name in its key. */
  readonly name: string;
  /** 0 where it is not set. */
  readonly id: number;
  /** Absent in configs of older versions, which knew one width. */
  readonly maxConnectedClusters?: number;
}

/** How old what a cluster says is, by the silence since its last heartbeat. */
export type Freshness = 'fresh' | 'ageing' | 'stale' | 'expired';

/** Two positions of one peer's etcd that do not follow each other, as `store@revision`. */
export interface HistoryLoss {
  readonly before: string;
  readonly after: string;
}

export interface FreshnessFact {
  readonly state: Freshness;
  /** Milliseconds since the epoch; absent when none was ever seen. */
  readonly lastHeartbeatAt?: number;
  /** Whether the first list is complete; absent offline. */
  readonly synced?: boolean;
  /** Its etcd is not the one that was followed, or is behind what was seen of it. */
  readonly historyLost?: HistoryLoss;
}

/** How much of what a cluster says is taken in. */
export interface QuotaFact {
  readonly records: number;
  readonly bytes: number;
  readonly recordsMax: number;
  readonly bytesMax: number;
  /** Records that were left outside. */
  readonly excess: number;
  readonly changesPerSecondMax: number;
  /** Changes wait because they came too fast, or did a moment ago. */
  readonly tooFast: boolean;
}

/** What a cluster says of itself. */
export interface Declarations {
  /** Absent: a plain Cilium cluster. */
  readonly card?: Reading<ClusterCard>;
  readonly config?: Reading<ConfigFact>;
  /** The card as it was last admitted: what later ones are compared with. */
  readonly admitted?: ClusterCard;
  readonly freshness?: FreshnessFact;
  /** The cluster's clock minus ours when its card was received; offline only a card from the future counts. */
  readonly clockOffsetMs?: number;
  readonly quota?: QuotaFact;
  /** Found while reading: lines of an offline file that hold no record. */
  readonly problems?: readonly FieldProblem[];
}

export interface ClusterFacts extends Declarations {
  /** The name under which it is connected; the map's key. */
  readonly name: ClusterName;
  /** By key, `cilium/state/…`. */
  readonly records: ReadonlyMap<string, Uint8Array>;
}

export interface MeshFacts {
  /** Whose point of view it is; undefined: nobody's. */
  readonly local: ClusterName | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly clusters: ReadonlyMap<ClusterName, ClusterFacts>;
}

/** `earlier`: what stays in use when the bytes cannot be read at all. */
export function readCard(bytes: Uint8Array, earlier?: ClusterCard): Reading<ClusterCard> {
  const read = decodeCard(bytes);
  if (read.ok) return { value: read.value.card, problems: read.value.problems };
  return { ...(earlier === undefined ? {} : { value: earlier }), problems: [misfit('', read.error)] };
}

/** `name`: the last part of the key that it was found at. */
export function readConfig(name: string, bytes: Uint8Array, earlier?: ConfigFact): Reading<ConfigFact> {
  const read = decodeClusterConfig(bytes);
  if (!read.ok) return { ...(earlier === undefined ? {} : { value: earlier }), problems: [misfit('', read.error)] };
  const width = read.value.capabilities?.maxConnectedClusters;
  const value = { name, id: read.value.id ?? 0, ...(width === undefined ? {} : { maxConnectedClusters: width }) };
  return { value, problems: [] };
}

/**
 * The cluster's clock minus ours. A card that was found may have lain in its etcd for long, so that only one from the future says
 * something; one that is received as it is written says both.
 */
export function clockOffset(card: ClusterCard | undefined, now: number, writtenNow = false): number | undefined {
  const time = card === undefined ? undefined : parseInstant(card.time);
  if (time === undefined) return undefined;
  return writtenNow ? time - now : Math.max(0, time - now);
}

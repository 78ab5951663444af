// What is measured of ranges that meet, each once: the check of all of them from their texts, one change among all of them, and the
// same by other means.

import IPCIDR from 'ip-cidr';
import { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import { RangeConflicts } from '../../mesh/conflict/range-conflicts.ts';
import type { ClusterRange } from '../../mesh/conflict/ranges.ts';
import { standingOf } from '../../mesh/conflict/standing.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Prefix, parsePrefix } from '../../mesh/model/prefix.ts';
import { NODE_ZEROS, type NodeRecord, networkValue, nodeKind } from '../../mesh/wire/node.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type SampleRange, sampleClusters } from './sample.ts';
import { sweep } from './sweep.ts';

/** Milliseconds, and what was found. */
export interface Check {
  readonly parsing: number;
  readonly whole: number;
  readonly found: number;
}

/** From texts to conflicts, as the product finds them. */
export function measureCheck(sample: readonly SampleRange[], clock: Clock): Check {
  const begun = clock.monotonic();
  const ranges = sample.map(({ cluster, text }) => rangeOf(cluster, prefixOf(text)));
  const parsed = clock.monotonic();
  const conflicts = conflictsOf(ranges);
  const found = conflicts.takeChange().come.length;
  return { parsing: parsed - begun, whole: clock.monotonic() - begun, found };
}

/** The same by sorting, with the same parser. */
export function measureSweep(sample: readonly SampleRange[], clock: Clock): Check {
  const begun = clock.monotonic();
  const ranges = sample.map(({ cluster, text }) => ({ cluster, prefix: prefixOf(text) }));
  const parsed = clock.monotonic();
  const found = sweep(ranges);
  return { parsing: parsed - begun, whole: clock.monotonic() - begun, found };
}

/** Milliseconds that the field's parser takes for the same texts. */
export function measureIpCidr(sample: readonly SampleRange[], clock: Clock): number {
  const begun = clock.monotonic();
  for (const { text } of sample) new IPCIDR(text);
  return clock.monotonic() - begun;
}

const CHANGES = 2_000;

/** Microseconds of single changes: a cluster gives a range up, and another one takes it. */
export function measureChanges(sample: readonly SampleRange[], clock: Clock): readonly number[] {
  const ranges = sample.map(({ cluster, text }) => rangeOf(cluster, prefixOf(text)));
  const conflicts = conflictsOf(ranges);
  const changes: number[] = [];
  for (let at = 0; at < CHANGES; at += 1) {
    const before = ranges[(at * 7919) % ranges.length];
    if (before === undefined) continue;
    const after = { ...before, cluster: sampleClusters[at % sampleClusters.length] ?? before.cluster };
    const begun = clock.monotonic();
    conflicts.remove(before);
    conflicts.add(after);
    conflicts.takeChange();
    changes.push((clock.monotonic() - begun) * 1_000);
    conflicts.remove(after);
    conflicts.add(before);
  }
  return changes;
}

/** Two ranges a node: its pods', and its own address. */
const RANGES_PER_NODE = 2;
const NOW = 0;

/**
 * Microseconds of changes in a judgement of plain clusters that show `ranges` ranges at their nodes: each change is a node with another
 * range for its pods, from its bytes to the records that are admitted.
 */
export function measureEvaluation(ranges: number, clock: Clock): readonly number[] {
  const evaluation = new MeshEvaluation(undefined);
  const nodes = Math.ceil(ranges / RANGES_PER_NODE / sampleClusters.length);
  for (const [id, cluster] of sampleClusters.entries()) {
    for (let at = 0; at < nodes; at += 1) evaluation.put(cluster, ...node(cluster, id + 1, at, at));
  }
  evaluation.settle(NOW);
  const changes: number[] = [];
  for (let at = 0; at < CHANGES; at += 1) {
    const id = (at * 31) % sampleClusters.length;
    const cluster = sampleClusters[id];
    if (cluster === undefined) continue;
    // Every tenth takes what is its neighbour's.
    const owner = at % 10 === 0 ? ((id + 1) % sampleClusters.length) + 1 : id + 1;
    const [key, bytes] = node(cluster, id + 1, at % nodes, nodes + (at % 50), owner);
    const begun = clock.monotonic();
    evaluation.put(cluster, key, bytes);
    evaluation.settle(NOW);
    changes.push((clock.monotonic() - begun) * 1_000);
  }
  return changes;
}

function node(cluster: ClusterName, id: number, at: number, pods: number, owner = id): readonly [string, Uint8Array] {
  const value: NodeRecord = {
    Name: `node-${at}`,
    Cluster: cluster,
    ...NODE_ZEROS,
    IPAddresses: [{ Type: 'InternalIP', IP: `100.${id}.${at >> 8}.${at & 255}` }],
    IPv4AllocCIDR: networkValue(prefixOf(`10.${owner}.${pods & 255}.0/24`)),
    ClusterID: id,
    Source: 'custom-resource',
    Labels: { 'kubernetes.io/hostname': `node-${at}` },
  };
  return [nodeKind.stateKey(cluster, value.Name), nodeKind.encode(value)];
}

function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (!parsed.ok) throw new Error(`${text}: ${parsed.error}`);
  return parsed.value.prefix;
}

const rangeOf = (cluster: ClusterName, prefix: Prefix): ClusterRange => ({
  cluster,
  kind: 'pod',
  prefix,
  key: 'podCIDRs',
  declared: true,
  grown: false,
});

function conflictsOf(ranges: readonly ClusterRange[]): RangeConflicts {
  const standings = sampleClusters.map((name) => standingOf({ name, declarations: {}, observedId: undefined }));
  const conflicts = new RangeConflicts(new Map(standings.map((standing) => [standing.name, standing])));
  for (const range of ranges) conflicts.add(range);
  return conflicts;
}

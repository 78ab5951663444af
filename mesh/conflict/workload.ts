// CM-IDENT-005: backends of one global service whose workloads carry different security labels in different clusters. A policy
// selects by labels, so it may allow one cluster's backends and deny the other's: to a client, some requests fail at random.

import { POLICY_CLUSTER_LABEL } from '../model/identity.ts';
import type { ClusterName, ServiceKey } from '../model/names.ts';
import { ipKey } from '../wire/ip-identity.ts';
import type { Drafts } from './drafts.ts';
import { soleFingerprint } from './finding.ts';
import { compareText } from './order.ts';
import type { RecordIndexes } from './record-indexes.ts';
import type { GoodValue, RecordState } from './record-state.ts';
import { backendsOf, identityLabels, identityOf } from './record-value.ts';
import type { IndexedConstituent } from './service-index.ts';

/** The workloads behind one cluster's part of a service. */
interface Workloads {
  readonly cluster: ClusterName;
  readonly identities: readonly number[];
  /** Every label that any of them carries, but for the cluster's own. */
  readonly labels: ReadonlySet<string>;
  /** The label sets, in words; equal texts mean that policies see the same. */
  readonly text: string;
}

/** The identities behind the backends of one record, each with its label set. */
type Identities = ReadonlyMap<number, readonly string[]>;

/** What is behind one record, and what it was found from. */
interface Behind {
  readonly good: GoodValue | undefined;
  readonly labelChanges: number;
  readonly identities: Identities;
  readonly workloads: Workloads;
}

/** The identities behind each record, as they were found last: a mesh has many of them, and a report is drawn often. */
export class KnownWorkloads {
  readonly #known = new WeakMap<RecordState, Behind>();

  of({ record }: IndexedConstituent, indexes: RecordIndexes): Workloads {
    const parts = indexes.partsOf(record).map((part) => this.#behind(part, indexes));
    const known = parts.filter(({ identities }) => identities.size > 0);
    const [first, second] = known;
    if (first !== undefined && second === undefined) return first.workloads;
    return workloadsOf(record.cluster, new Map(known.flatMap(({ identities }) => [...identities])));
  }

  #behind(record: RecordState, indexes: RecordIndexes): Behind {
    const labelChanges = indexes.labelChanges(record.cluster);
    const known = this.#known.get(record);
    if (known?.good === record.good && known?.labelChanges === labelChanges) return known;
    const identities = identitiesBehind(record, indexes);
    const workloads = workloadsOf(record.cluster, identities);
    const behind = { good: record.good, labelChanges, identities, workloads };
    this.#known.set(record, behind);
    return behind;
  }
}

interface WorkloadSources {
  readonly indexes: RecordIndexes;
  readonly workloads: KnownWorkloads;
}

export function workloadDrafts(
  service: ServiceKey,
  constituents: readonly IndexedConstituent[],
  { indexes, workloads: known }: WorkloadSources,
  drafts: Drafts,
): void {
  const all = constituents
    .map((constituent) => known.of(constituent, indexes))
    .filter((workloads) => workloads.identities.length > 0)
    .sort((a, b) => compareText(a.cluster, b.cluster));
  const [first] = all;
  if (first === undefined) return;
  const others = all.filter(({ text }) => text !== first.text);
  const [second] = others;
  if (second === undefined) return;
  const code = 'CM-IDENT-005';
  const concerned = [first, ...others];
  const differing = (labels: ReadonlySet<string>) =>
    [...labels].filter((label) => !concerned.every((workloads) => workloads.labels.has(label))).sort();
  drafts.add(code, first.cluster, () => ({
    code,
    subject: { cluster: first.cluster, kind: 'service', key: service, value: first.text },
    other: {
      ...(others.length === 1 ? { cluster: second.cluster } : { clusters: others.map(({ cluster }) => cluster) }),
      kind: 'service',
      key: service,
      value: others.length === 1 ? second.text : '',
    },
    evidence: {
      service,
      identities: Object.fromEntries(concerned.map(({ cluster, identities }) => [cluster, identities])),
      differing_labels: Object.fromEntries(concerned.map(({ cluster, labels }) => [cluster, differing(labels)])),
    },
    winner: null,
    fingerprint: soleFingerprint(code, 'service', service),
  }));
}

function identitiesBehind(record: RecordState, indexes: RecordIndexes): Identities {
  const identities = new Map<number, readonly string[]>();
  for (const address of record.good === undefined ? [] : backendsOf(record.good.value)) {
    const number = identityAt(address, record.cluster, indexes);
    const identity = number === undefined ? undefined : indexes.publisher(number, record.cluster)?.good;
    if (number === undefined || identity === undefined || identities.has(number)) continue;
    const relevant = identityLabels(identity.value).filter((label) => !label.startsWith(`${POLICY_CLUSTER_LABEL}=`));
    identities.set(number, relevant);
  }
  return identities;
}

function workloadsOf(cluster: ClusterName, identities: Identities): Workloads {
  const sets = new Set([...identities.values()].map((labels) => labels.join(';')));
  return {
    cluster,
    identities: [...identities.keys()].sort((a, b) => a - b),
    labels: new Set([...identities.values()].flat()),
    text: [...sets].sort().join(' | '),
  };
}

/** Asked for every backend of a mesh: by the address, whose place in the index is found faster than that of a key made for it. */
function identityAt(address: string, cluster: ClusterName, { claims }: RecordIndexes): number | undefined {
  const endpoint = claims.find(
    address,
    (user) => user.kind === 'ip' && user.cluster === cluster && user.key === ipKey(address),
  );
  return endpoint?.good === undefined ? undefined : identityOf(endpoint.good.value);
}

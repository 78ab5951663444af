// CM-IDENT-005: backends of one global service whose workloads carry different security labels in different clusters. A policy
// selects by labels, so it may allow one cluster's backends and deny the other's: to a client, some requests fail at random.

import { POLICY_CLUSTER_LABEL } from '../model/identity.ts';
import type { ClusterName, ServiceKey } from '../model/names.ts';
import { isKeyOfAddress } from '../wire/ip-identity.ts';
import type { Drafts } from './drafts.ts';
import { soleFingerprint } from './finding.ts';
import { type LabelSet, LabelSets, NO_LABELS } from './label-sets.ts';
import { compareText } from './order.ts';
import type { RecordIndexes } from './record-indexes.ts';
import type { GoodValue, RecordState } from './record-state.ts';
import { backendsOf, identityLabels, identityOf } from './record-value.ts';
import type { IndexedConstituent } from './service-index.ts';

/** The workloads behind one cluster's part of a service. */
interface Workloads {
  readonly cluster: ClusterName;
  readonly identities: readonly number[];
  /** The labels of the identities, but for the cluster's own: each set once, in the order of their texts. */
  readonly labelSets: readonly LabelSet[];
}

/** A cluster's part of a service has a few dozen backends, and finding what is behind them takes some ten microseconds. */
const PARTS_PER_PIECE = 16;

/**
 * The workloads behind each record, as they were found last: a mesh has many of them, and a report is drawn often. Whoever keeps the
 * records says of which of them something changed.
 */
export class KnownWorkloads {
  readonly #behind = new WeakMap<RecordState, Workloads>();
  /** Behind a cluster's part of a service, by its record or head; mostly that of its only part. */
  readonly #ofService = new WeakMap<RecordState, Workloads>();
  /** Of each identity, which many services share, by its bytes. */
  readonly #labels = new WeakMap<Uint8Array, LabelSet>();
  readonly #labelSets = new LabelSets();

  of(record: RecordState, indexes: RecordIndexes): Workloads {
    const known = this.#ofService.get(record);
    if (known !== undefined) return known;
    const found = this.#ofParts(record, indexes);
    this.#ofService.set(record, found);
    return found;
  }

  /** What the record says, or what is at the addresses that it names, may be other than before. `service`: the record or head that it is a part of. */
  forget(record: RecordState, service: RecordState | undefined): void {
    this.#behind.delete(record);
    if (service !== undefined) this.#ofService.delete(service);
  }

  /** Finds in pieces what a report needs and is not known, so that drawing one finds it there. */
  *prepare(indexes: RecordIndexes): Generator<undefined, void> {
    for (const [, constituents] of indexes.services.several()) {
      for (const [at, { record }] of constituents.entries()) {
        // Of a service that changes meanwhile this is in vain, and nothing else.
        this.of(record, indexes);
        if (at % PARTS_PER_PIECE === 0) yield;
      }
    }
  }

  #ofParts(record: RecordState, indexes: RecordIndexes): Workloads {
    const parts = indexes.partsOf(record).map((part) => this.#behindOne(part, indexes));
    const [first, ...more] = parts.filter(({ identities }) => identities.length > 0);
    if (first !== undefined && more.length === 0) return first;
    const identities = new Set(parts.flatMap((part) => part.identities));
    return this.#workloadsOf(record.cluster, identities, indexes);
  }

  #behindOne(record: RecordState, indexes: RecordIndexes): Workloads {
    const known = this.#behind.get(record);
    if (known !== undefined) return known;
    const workloads = this.#workloadsOf(record.cluster, identitiesBehind(record, indexes), indexes);
    this.#behind.set(record, workloads);
    return workloads;
  }

  #workloadsOf(cluster: ClusterName, numbers: ReadonlySet<number>, indexes: RecordIndexes): Workloads {
    const identities = [...numbers].sort((a, b) => a - b);
    const labelSets = new Map<string, LabelSet>();
    for (const number of identities) {
      const labelSet = this.#labelsOf(indexes.publisher(number, cluster)?.good);
      labelSets.set(labelSet.text, labelSet);
    }
    return { cluster, identities, labelSets: [...labelSets.values()].sort((a, b) => compareText(a.text, b.text)) };
  }

  #labelsOf(identity: GoodValue | undefined): LabelSet {
    if (identity === undefined) return NO_LABELS;
    const known = this.#labels.get(identity.bytes);
    if (known !== undefined) return known;
    const labels = identityLabels(identity.bytes).filter((label) => !label.startsWith(`${POLICY_CLUSTER_LABEL}=`));
    const labelSet = this.#labelSets.of(labels);
    this.#labels.set(identity.bytes, labelSet);
    return labelSet;
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
  const all: Workloads[] = [];
  for (const { record } of constituents) {
    const workloads = known.of(record, indexes);
    if (workloads.identities.length > 0) all.push(workloads);
  }
  // Nearly always all are the same, in whatever order.
  const [any] = all;
  if (any === undefined || all.every((workloads) => sameLabels(workloads, any))) return;
  const [first] = all.sort((a, b) => compareText(a.cluster, b.cluster));
  if (first === undefined) return;
  const others = all.filter((workloads) => !sameLabels(workloads, first));
  const [second] = others;
  if (second === undefined) return;
  const code = 'CM-IDENT-005';
  const concerned = [first, ...others];
  drafts.add(code, first.cluster, () => ({
    code,
    subject: { cluster: first.cluster, kind: 'service', key: service, value: labelsText(first) },
    other: {
      ...(others.length === 1 ? { cluster: second.cluster } : { clusters: others.map(({ cluster }) => cluster) }),
      kind: 'service',
      key: service,
      value: others.length === 1 ? labelsText(second) : '',
    },
    evidence: {
      service,
      identities: Object.fromEntries(concerned.map(({ cluster, identities }) => [cluster, identities])),
      differing_labels: differingLabels(concerned),
    },
    winner: null,
    fingerprint: soleFingerprint(code, 'service', service),
  }));
}

/** Policies see the same. Nearly always the sets are the same objects. */
const sameLabels = ({ labelSets: a }: Workloads, { labelSets: b }: Workloads): boolean =>
  a.length === b.length && a.every((labelSet, at) => labelSet === b[at] || labelSet.text === b[at]?.text);

const labelsText = ({ labelSets }: Workloads): string => labelSets.map(({ text }) => text).join(' | ');

/** By cluster: what its workloads carry and those of some other do not. */
function differingLabels(concerned: readonly Workloads[]): { readonly [cluster: string]: readonly string[] } {
  const carried = concerned.map(({ cluster, labelSets }) => {
    return { cluster, labels: new Set(labelSets.flatMap(({ labels }) => labels)) };
  });
  const isCommon = (label: string) => carried.every(({ labels }) => labels.has(label));
  return Object.fromEntries(
    carried.map(({ cluster, labels }) => [cluster, [...labels].filter((label) => !isCommon(label)).sort()]),
  );
}

/** The published identities of the record's backends. */
function identitiesBehind(record: RecordState, indexes: RecordIndexes): ReadonlySet<number> {
  const identities = new Set<number>();
  for (const address of record.good === undefined ? [] : backendsOf(record.good.value)) {
    const number = identityAt(address, record.cluster, indexes);
    if (number === undefined || identities.has(number)) continue;
    if (indexes.publisher(number, record.cluster)?.good !== undefined) identities.add(number);
  }
  return identities;
}

/** Asked for every backend of a mesh: by the address, whose place in the index is found faster than that of a key made for it. */
function identityAt(address: string, cluster: ClusterName, { claims }: RecordIndexes): number | undefined {
  const endpoint = claims.find(
    address,
    (user) => user.kind === 'ip' && user.cluster === cluster && isKeyOfAddress(user.key, address),
  );
  return endpoint?.good === undefined ? undefined : identityOf(endpoint.good.value);
}

// An admission engine with a mesh of sample clusters in it, and short questions about what became of them.

import { AdmissionEngine } from '../../apiserver/admission/engine.ts';
import type { StoreEvent } from '../../apiserver/store/port.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import { encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import { ManualClock } from '../../runtime/manual-clock.ts';
import { jsonOf, NOW, named, type SampleCluster, type SampleRecord, sampleCard } from './mesh.ts';

export const putEvent = ({ key, bytes }: SampleRecord): StoreEvent => ({
  type: 'put',
  kv: { key, value: bytes, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});

export const deleteEvent = (key: string): StoreEvent => ({ type: 'delete', key, modRevision: 2 });

export class AdmittedMesh {
  readonly clock = new ManualClock(NOW);
  readonly engine: AdmissionEngine;

  /** The first cluster is the local one. */
  constructor(
    clusters: readonly SampleCluster[],
    more: Partial<ConstructorParameters<typeof AdmissionEngine>[0]> = {},
  ) {
    const [local] = clusters;
    this.engine = new AdmissionEngine({ local: named(local?.name ?? ''), clock: this.clock, ...more });
    for (const cluster of clusters) this.#join(cluster);
  }

  #join(cluster: SampleCluster): void {
    const { engine } = this;
    const name = named(cluster.name);
    if (cluster.admitted !== undefined) {
      engine.seedAdmittedCard(name, encodeCard({ ...sampleCard(cluster), ...cluster.admitted }));
    }
    if (cluster.plain !== true) engine.setCard(name, encodeCard(sampleCard(cluster)));
    engine.setConfig(name, encodeClusterConfig({ id: cluster.id, capabilities: { maxConnectedClusters: 255 } }));
    this.say(cluster.name, ...(cluster.records ?? []).map(putEvent));
    engine.setFreshness(name, {
      freshness: cluster.freshness?.state ?? 'fresh',
      heartbeatAgeMs: 0,
      synced: cluster.freshness?.synced ?? true,
      historyLost: cluster.freshness?.historyLost,
    });
  }

  say(peer: string, ...events: readonly StoreEvent[]): void {
    this.engine.applyPeerBatch(named(peer), events);
  }

  card(cluster: SampleCluster, change: Partial<ClusterCard>, writtenNow = false): void {
    this.engine.setCard(named(cluster.name), encodeCard({ ...sampleCard(cluster), ...change }), writtenNow);
  }

  get report(): Report {
    return this.engine.report();
  }

  admitted(peer: string, key: string): unknown {
    const bytes = this.engine.admittedRecord(named(peer), key);
    if (bytes === undefined) return undefined;
    return key.includes('/identities/') ? Buffer.from(bytes).toString() : jsonOf(bytes);
  }

  /** What is withheld of the peer: the codes by key. */
  withheld(peer: string): Readonly<Record<string, readonly string[]>> {
    const entries = [...this.engine.quarantine(named(peer))].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(entries.map(([key, { codes }]) => [key, codes]));
  }
}

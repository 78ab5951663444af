// Prometheus metrics of a mesh API server, read from the same documents as status and report when they are scraped: there is
// no second bookkeeping that could disagree.

import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { catalogueRow } from '../mesh/conflict/catalogue.ts';
import { clustersOf } from '../mesh/conflict/finding.ts';
import type { Report } from '../mesh/conflict/report.ts';
import type { WithheldCount } from './diagnostics/withheld.ts';
import type { StatusDocument } from './status.ts';

export interface MetricsDeps {
  readonly status: () => StatusDocument;
  readonly report: () => Report;
  readonly withheld: () => readonly WithheldCount[];
  /** When each own certificate ends, milliseconds since the epoch, by what it is used for. */
  readonly certificateEnds: () => ReadonlyMap<string, number>;
  /** What waits, by queue: keys, changes, batches or agents. */
  readonly queues: () => Readonly<Record<string, number>>;
}

/** The exposition text, made anew at each call. */
export function createMetrics(deps: MetricsDeps): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name: `clustermesh_${name}`, help, labelNames, registers: [registry] });

  const leader = gauge('leader', '1 on the replica that writes');
  const revision = gauge('snapshot_revision', 'etcd revision of the snapshot that agents get');
  const services = gauge('snapshot_services', 'global services in the snapshot');
  const peerUp = gauge('peer_connected', '1 while the link to the peer is live', ['peer']);
  const heartbeat = gauge('peer_heartbeat_age_seconds', "age of the peer's last heartbeat", ['peer']);
  const records = gauge('peer_records', 'records of the peer, admitted or withheld', ['peer', 'outcome']);
  const withheld = gauge('peer_withheld_records', 'records of the peer that are withheld', ['peer', 'kind']);
  const checks = gauge('checks', 'checks by status: those that were not made are skipped or unknown', ['status']);
  const findings = gauge('findings', 'findings present', ['code', 'severity', 'peer']);
  const agents = gauge('agent_connected', "1 while the node's agent is connected", ['node']);
  const lag = gauge('agent_lag_revisions', "revisions that the node's kernel is behind", ['node']);
  const refused = gauge('agent_refused_services', 'services that the node could not program', ['node']);
  const queue = gauge('queue_depth', 'what waits for its turn', ['queue']);
  const ends = gauge('certificate_expiry_timestamp_seconds', 'when the own certificate in use ends', ['certificate']);
  const problems = gauge('source_problems', 'faults in the objects of the own cluster');

  return async () => {
    const status = deps.status();
    for (const metric of [ends, peerUp, heartbeat, records, withheld, checks, findings, agents, lag, refused])
      metric.reset();
    leader.set(status.leader ? 1 : 0);
    revision.set(status.snapshot.revision ?? 0);
    services.set(status.snapshot.services);
    problems.set(status.source.problems.length);
    for (const peer of status.peers) {
      peerUp.set({ peer: peer.name }, peer.phase === 'live' ? 1 : 0);
      if (peer.heartbeatAgeMs !== undefined) heartbeat.set({ peer: peer.name }, peer.heartbeatAgeMs / 1_000);
      records.set({ peer: peer.name, outcome: 'admitted' }, peer.admitted);
      records.set({ peer: peer.name, outcome: 'withheld' }, peer.quarantined);
    }
    for (const { peer, kind, count } of deps.withheld()) withheld.set({ peer, kind }, count);
    const report = deps.report();
    for (const { status } of report.checks) checks.inc({ status });
    for (const finding of report.findings) {
      // The own cluster is one side of most; whoever watches asks which peer it is about.
      const clusters = clustersOf(finding);
      const peer = clusters.find((name) => name !== report.cluster) ?? clusters[0] ?? '';
      findings.inc({ code: finding.code, severity: finding.severity, peer });
    }
    for (const { code, cluster, count } of report.omitted) {
      findings.inc({ code, severity: catalogueRow(code).severity, peer: cluster }, count);
    }
    for (const agent of status.agents) {
      agents.set({ node: agent.node }, agent.connected ? 1 : 0);
      if (agent.lag !== undefined) lag.set({ node: agent.node }, agent.lag);
      refused.set({ node: agent.node }, agent.refused.length);
    }
    for (const [certificate, end] of deps.certificateEnds()) ends.set({ certificate }, end / 1_000);
    for (const [name, depth] of Object.entries(deps.queues())) queue.set({ queue: name }, depth);
    return registry.metrics();
  };
}

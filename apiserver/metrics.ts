// Prometheus metrics of a mesh API server, read from the parts that status and report are read from when they are scraped: there is no
// second bookkeeping that could disagree. What a scrape costs follows the number of peers, so that only what it needs is read of each.

import { collectDefaultMetrics, Registry } from 'prom-client';
import { catalogueRow } from '../mesh/conflict/catalogue.ts';
import { clustersOf } from '../mesh/conflict/finding.ts';
import type { Report } from '../mesh/conflict/report.ts';
import type { Clock } from '../runtime/clock.ts';
import { counted, gaugeText, type Sample } from '../runtime/exposition.ts';
import type { WithheldCount } from './diagnostics/withheld.ts';

export interface MeasuredPeer {
  readonly name: string;
  readonly live: boolean;
  readonly heartbeatAgeMs: number | undefined;
  readonly admitted: number;
  readonly withheld: number;
}

export interface MeasuredAgent {
  readonly node: string;
  readonly connected: boolean;
  readonly lag: number | undefined;
  readonly refused: number;
}

export interface Measures {
  readonly leader: boolean;
  readonly revision: number | undefined;
  readonly services: number;
  readonly sourceProblems: number;
  readonly peers: readonly MeasuredPeer[];
  readonly agents: readonly MeasuredAgent[];
  readonly report: Report;
  readonly withheld: readonly WithheldCount[];
  /** When each own certificate ends, milliseconds since the epoch, by what it is used for. */
  readonly certificateEnds: ReadonlyMap<string, number>;
  /** What waits, by queue: keys, changes, batches or agents. */
  readonly queues: Readonly<Record<string, number>>;
}

/** The exposition text, made anew at each call but for what the process says of itself. */
export function createMetrics(
  measure: () => Measures | Promise<Measures>,
  clock: Pick<Clock, 'monotonic'>,
): () => Promise<string> {
  const processText = processMetrics(clock);
  return async () => [await processText(), ...meshMetrics(await measure())].join('\n');
}

/** Memory, open files, handles: each sample walks over all handles and files of the process, of which there are several a peer. */
const PROCESS_AGE_MS_MAX = 5_000;

function processMetrics(clock: Pick<Clock, 'monotonic'>): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  let last: { readonly text: Promise<string>; readonly at: number } | undefined;
  return () => {
    const now = clock.monotonic();
    if (last === undefined || now - last.at > PROCESS_AGE_MS_MAX) last = { text: registry.metrics(), at: now };
    return last.text;
  };
}

export function meshMetrics({ peers, agents, report, ...measures }: Measures): readonly string[] {
  const gauge = (name: string, help: string, samples: Iterable<Sample>) =>
    gaugeText(`clustermesh_${name}`, help, samples);
  const one = (name: string, help: string, value: number) => gauge(name, help, [[{}, value]]);
  return [
    one('leader', '1 on the replica that writes', measures.leader ? 1 : 0),
    one('snapshot_revision', 'etcd revision of the snapshot that agents get', measures.revision ?? 0),
    one('snapshot_services', 'global services in the snapshot', measures.services),
    gauge(
      'peer_connected',
      '1 while the link to the peer is live',
      peers.map(({ name, live }): Sample => [{ peer: name }, live ? 1 : 0]),
    ),
    gauge(
      'peer_heartbeat_age_seconds',
      "age of the peer's last heartbeat",
      peers.flatMap(({ name, heartbeatAgeMs }): readonly Sample[] =>
        heartbeatAgeMs === undefined ? [] : [[{ peer: name }, heartbeatAgeMs / 1_000]],
      ),
    ),
    gauge(
      'peer_records',
      'records of the peer, admitted or withheld',
      peers.flatMap(({ name, admitted, withheld }): readonly Sample[] => [
        [{ peer: name, outcome: 'admitted' }, admitted],
        [{ peer: name, outcome: 'withheld' }, withheld],
      ]),
    ),
    gauge(
      'peer_withheld_records',
      'records of the peer that are withheld',
      measures.withheld.map(({ peer, kind, count }): Sample => [{ peer, kind }, count]),
    ),
    gauge(
      'checks',
      'checks by status: those that were not made are skipped or unknown',
      counted(report.checks.map(({ status }): Sample => [{ status }, 1])),
    ),
    gauge('findings', 'findings present', counted(findingsOf(report))),
    gauge(
      'agent_connected',
      "1 while the node's agent is connected",
      agents.map(({ node, connected }): Sample => [{ node }, connected ? 1 : 0]),
    ),
    gauge(
      'agent_lag_revisions',
      "revisions that the node's kernel is behind",
      agents.flatMap(({ node, lag }): readonly Sample[] => (lag === undefined ? [] : [[{ node }, lag]])),
    ),
    gauge(
      'agent_refused_services',
      'services that the node could not program',
      agents.map(({ node, refused }): Sample => [{ node }, refused]),
    ),
    gauge(
      'queue_depth',
      'what waits for its turn',
      Object.entries(measures.queues).map(([queue, depth]): Sample => [{ queue }, depth]),
    ),
    gauge(
      'certificate_expiry_timestamp_seconds',
      'when the own certificate in use ends',
      [...measures.certificateEnds].map(([certificate, end]): Sample => [{ certificate }, end / 1_000]),
    ),
    one('source_problems', 'faults in the objects of the own cluster', measures.sourceProblems),
  ];
}

function* findingsOf(report: Report): Generator<Sample> {
  for (const finding of report.findings) {
    // The own cluster is one side of most; whoever watches asks which peer it is about.
    const clusters = clustersOf(finding);
    const peer = clusters.find((name) => name !== report.cluster) ?? clusters[0] ?? '';
    yield [{ code: finding.code, severity: finding.severity, peer }, 1];
  }
  for (const { code, cluster, count } of report.omitted) {
    yield [{ code, severity: catalogueRow(code).severity, peer: cluster }, count];
  }
}

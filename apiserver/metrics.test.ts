// What a scrape of a mesh API server reads.

import { expect, test } from 'vitest';
import { evaluate } from '../mesh/conflict/evaluate.ts';
import { assembleReport } from '../mesh/conflict/report.ts';
import type { ClusterName } from '../mesh/model/names.ts';
import { ManualClock } from '../runtime/manual-clock.ts';
import { createMetrics, type Measures } from './metrics.ts';

const east = 'east' as ClusterName;
const assessment = evaluate({ local: east, now: 0, clusters: new Map() });

const MEASURES: Measures = {
  leader: true,
  revision: 42,
  services: 3,
  sourceProblems: 0,
  peers: [
    { name: 'west', live: true, heartbeatAgeMs: 1_500, admitted: 10, withheld: 2 },
    { name: 'north', live: false, heartbeatAgeMs: undefined, admitted: 0, withheld: 0 },
  ],
  agents: [{ node: 'east-1', connected: true, lag: 4, refused: 1 }],
  report: assembleReport({
    ...assessment,
    now: 0,
    cluster: east,
    ownStateCurrent: true,
    omitted: [{ code: 'CM-REC-001', cluster: 'west', count: 7 }],
    peers: [],
  }),
  withheld: [{ peer: 'west', kind: 'services', count: 2 }],
  certificateEnds: new Map([['door', 5_000]]),
  queues: { reflect: 9 },
};

const samplesOf = (text: string): readonly string[] =>
  text.split('\n').filter((line) => line.startsWith('clustermesh_') && !line.startsWith('clustermesh_checks'));

test('every measure is a sample', async () => {
  const scrape = createMetrics(() => MEASURES, new ManualClock());
  expect(samplesOf(await scrape())).toEqual([
    'clustermesh_leader 1',
    'clustermesh_snapshot_revision 42',
    'clustermesh_snapshot_services 3',
    'clustermesh_peer_connected{peer="west"} 1',
    'clustermesh_peer_connected{peer="north"} 0',
    'clustermesh_peer_heartbeat_age_seconds{peer="west"} 1.5',
    'clustermesh_peer_records{peer="west",outcome="admitted"} 10',
    'clustermesh_peer_records{peer="west",outcome="withheld"} 2',
    'clustermesh_peer_records{peer="north",outcome="admitted"} 0',
    'clustermesh_peer_records{peer="north",outcome="withheld"} 0',
    'clustermesh_peer_withheld_records{peer="west",kind="services"} 2',
    'clustermesh_findings{code="CM-REC-001",severity="error",peer="west"} 7',
    'clustermesh_agent_connected{node="east-1"} 1',
    'clustermesh_agent_lag_revisions{node="east-1"} 4',
    'clustermesh_agent_refused_services{node="east-1"} 1',
    'clustermesh_queue_depth{queue="reflect"} 9',
    'clustermesh_certificate_expiry_timestamp_seconds{certificate="door"} 5',
    'clustermesh_source_problems 0',
  ]);
});

test('what the process says of itself is looked at only now and then, and everything else with each scrape', async () => {
  const clock = new ManualClock();
  let services = 1;
  const scrape = createMetrics(() => ({ ...MEASURES, services }), clock);
  const ownOf = (text: string) => text.slice(0, text.indexOf('# HELP clustermesh_'));
  const first = await scrape();
  services = 2;
  const second = await scrape();
  expect(second).toContain('clustermesh_snapshot_services 2');
  expect(ownOf(second)).toBe(ownOf(first));
  expect(ownOf(first)).toContain('process_resident_memory_bytes');
  clock.advance(5_001);
  expect(ownOf(await scrape())).not.toBe(ownOf(first));
});

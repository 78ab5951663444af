// What a run has found, as JSON, as Markdown and as bounds: the bounds are ratios and counts, which mean the same on a machine that
// is slow or busy. Pure.

import { table } from '../markdown-section.ts';
import type { Figures } from '../propagation/moments.ts';
import { ratesText } from './churn-rates.ts';
import type { Bare } from './measures/bare-copy.ts';
import type { Bootstrap } from './measures/bootstrap.ts';
import type { Churn } from './measures/churn.ts';
import type { LargeService } from './measures/large-service.ts';
import type { ManyAgents } from './measures/many-agents.ts';
import type { Storm } from './measures/reconnect-storm.ts';
import type { Silence } from './measures/silent-peers.ts';
import type { MeshSize } from './size.ts';

export interface Results {
  readonly size: MeshSize;
  readonly bare: Bare | undefined;
  readonly bootstrap: Bootstrap;
  readonly churn: Churn | undefined;
  readonly large: LargeService | undefined;
  readonly agents: ManyAgents | undefined;
  readonly storm: Storm | undefined;
  readonly silence: Silence | undefined;
  /** Milliseconds that each program's event loop was late, over the whole run. */
  readonly loops: readonly { readonly process: string; readonly p999: number; readonly max: number }[];
}

/** Exceeded only where something has become worse: two to four times what the short version shows on two processors. */
export const BOUNDS = {
  /** Bootstrap against the bare copy of the same records, each way through the same doors into the same etcd. */
  bootstrapToBare: 12,
  /** The same in CPU, without the agent's: what a busy machine leaves alone. */
  bootstrapCpuToBare: 9,
  /** Map rows written or removed for one backend of a large service. */
  mapWrites: 8,
  /** Bytes that an agent reads for it, per byte of the record that a peer is sent. */
  agentBytesToRecord: 0.25,
  /** The API server's memory at its most while all peers come back. */
  stormMemory: 1.6,
  /** Time until all peers are back, against bootstrap; pauses before a reconnect are in it, which do not shrink with the mesh. */
  stormToBootstrap: 4,
  /** The API server's memory while one agent does not read. */
  slowAgentMemory: 1.3,
} as const;

/** What is worse than the bounds allow, in words. */
export function exceeded({ bare, bootstrap, churn, large, agents, storm }: Results): readonly string[] {
  const found: string[] = [];
  const check = (what: string, value: number | undefined, bound: number) => {
    if (value !== undefined && value > bound) found.push(`${what} is ${rounded(value)}, and may be ${bound}`);
  };
  check('bootstrap to bare copy', ratio(bootstrap.ms, bare?.ms), BOUNDS.bootstrapToBare);
  check('CPU of a bootstrap to bare copy', bare && cpuRatio(bootstrap, bare), BOUNDS.bootstrapCpuToBare);
  check('map writes for one backend', large?.mapWrites, BOUNDS.mapWrites);
  check('agent bytes to record bytes', large && large.agentReadBytes / large.recordBytes, BOUNDS.agentBytesToRecord);
  check('memory with an agent that does not read', agents?.slow.memoryRatio, BOUNDS.slowAgentMemory);
  check('memory in a reconnect storm', storm?.memoryRatio, BOUNDS.stormMemory);
  check('reconnect to bootstrap', storm && storm.backMs / bootstrap.ms, BOUNDS.stormToBootstrap);
  const alarms = churn?.falseAlarms.length ?? 0;
  if (alarms > 0) found.push(`${alarms} false alarms in churn`);
  if (storm !== undefined && storm.backendsMin < storm.backendsBefore) {
    found.push(`${storm.backendsBefore - storm.backendsMin} backends were withdrawn in a reconnect storm`);
  }
  return found;
}

/** Everything that a bootstrap takes but the agent: the bare copy has none. */
const cpuRatio = ({ cpuMs: { apiserver, etcd, player } }: Bootstrap, bare: Bare): number =>
  (apiserver + etcd + player) / bare.cpuMs;
const ratio = (a: number, b: number | undefined): number | undefined => (b === undefined ? undefined : a / b);
const rounded = (value: number): string => (value >= 100 ? String(Math.round(value)) : value.toFixed(2));
const ms = (value: number): string => (value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${rounded(value)} ms`);
const spread = ({ p50, p95, p99, max }: Figures): string =>
  `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, at most ${ms(max)}`;
const each = (values: Readonly<Record<string, number>>, unit: string): string =>
  Object.entries(values)
    .map(([process, value]) => `${process} ${rounded(value)} ${unit}`)
    .join(', ');

/** A list that is long says no more than its beginning. */
const ALARMS_SHOWN_MAX = 10;

function alarmsText(alarms: Churn['falseAlarms']): string {
  if (alarms.length === 0) return 'none';
  const shown = alarms.slice(0, ALARMS_SHOWN_MAX).map(({ atMs, who, what }) => `${ms(atMs)} ${who}: ${what}`);
  return `${alarms.length}: ${shown.join('; ')}${alarms.length > ALARMS_SHOWN_MAX ? '; …' : ''}`;
}

export function markdownReport(results: Results): string {
  const { size, bare, bootstrap, churn, large, agents, storm, silence, loops } = results;
  const rows: (readonly [string, string])[] = [];
  if (bare !== undefined)
    rows.push(['bare copy', `${ms(bare.ms)}, CPU ${ms(bare.cpuMs)}, for ${bare.records} records, ${bare.bytes} bytes`]);
  const times = ratio(bootstrap.ms, bare?.ms);
  rows.push(['bootstrap', `${ms(bootstrap.ms)}${times === undefined ? '' : `, ${rounded(times)} × the bare copy`}`]);
  rows.push([
    'CPU of bootstrap',
    `${each(bootstrap.cpuMs, 'ms')}${bare === undefined ? '' : `; ${rounded(cpuRatio(bootstrap, bare))} × that of the bare copy`}`,
  ]);
  rows.push(['API server memory', `${Math.round(bootstrap.apiServerBytesPerEndpoint)} bytes per remote endpoint`]);
  rows.push(['agent memory', `${Math.round(bootstrap.agentBytesPerBackend)} bytes per remote backend`]);
  if (churn !== undefined) {
    rows.push([`put to map at ${Math.round(churn.changesPerSecond)} changes/s`, spread(churn.putToMap)]);
    rows.push(['gone from map, with the grace of 1 s', spread(churn.goneFromMap)]);
    rows.push(['CPU in churn', each(churn.cpuPercent, '%')]);
    rows.push(['its changes a second', `${ratesText(churn.rates)}; seed ${churn.seed}`]);
    rows.push([`false alarms in ${Math.round(churn.seconds)} s`, alarmsText(churn.falseAlarms)]);
  }
  if (large !== undefined) {
    rows.push([`one of ${large.backends} backends, put to map`, spread(large.putToMap)]);
    rows.push(['gone from map, with the grace of 1 s', spread(large.goneFromMap)]);
    rows.push(['its map writes', rounded(large.mapWrites)]);
    rows.push(['its bytes', `record ${large.recordBytes}, read by the agent ${Math.round(large.agentReadBytes)}`]);
    rows.push(['its CPU', each(large.cpuMs, 'ms')]);
  }
  if (agents !== undefined) {
    const { slow } = agents;
    rows.push([`${agents.agents} agents subscribe`, `${ms(agents.openMs)}, API server CPU ${ms(agents.openCpuMs)}`]);
    rows.push(['one backend, put to each of them', spread(agents.putToAgent)]);
    rows.push(['its cost', `API server CPU ${ms(agents.cpuMs)}, ${Math.round(agents.bytes)} bytes to each`]);
    rows.push([
      'one of them does not read',
      `the others ${spread(slow.putToAgent)}; then ${slow.steps} steps for ${slow.changes} changes, memory × ${rounded(slow.memoryRatio)}`,
    ]);
  }
  if (storm !== undefined) {
    const lost = storm.backendsBefore - storm.backendsMin;
    rows.push(['all reconnect', `${ms(storm.backMs)}, ${lost} withdrawn, memory × ${rounded(storm.memoryRatio)}`]);
  }
  if (silence !== undefined) {
    const { firstMs, allMs, backMs } = silence;
    rows.push(['silent peers', `first noticed in ${ms(firstMs)}, all in ${ms(allMs)}, back in ${ms(backMs)}`]);
  }
  for (const { process, p999, max } of loops) {
    rows.push([`event loop of ${process}`, `p99.9 ${ms(p999)} late, at most ${ms(max)}`]);
  }
  const { clusters, nodes, identities, endpoints, services, backends } = size;
  return [
    `${clusters} clusters, each ${nodes} nodes, ${identities} identities, ${endpoints} endpoints, ${services} services of ${backends} backends.`,
    table(['measure', 'found'], rows),
  ].join('\n\n');
}

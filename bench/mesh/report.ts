// What a run has found, as Markdown. Pure.

import { table } from '../markdown-section.ts';
import { cpuToBare } from './bounds.ts';
import { ratesText } from './churn-rates.ts';
import type { Estimate } from './estimate.ts';
import { bytes, ms, rounded, spread } from './format.ts';
import type { Lateness } from './lateness.ts';
import type { Churn } from './measures/churn.ts';
import type { Cost } from './measures/cost.ts';
import type { LargeService } from './measures/large-service.ts';
import type { ManyAgents } from './measures/many-agents.ts';
import type { Publish } from './measures/publish.ts';
import type { PerProcess } from './processes.ts';
import type { Results } from './results.ts';
import { targetsOf } from './targets.ts';

type Row = readonly [what: string, found: string];

export function markdownReport(results: Results): string {
  const { clusters, nodes, identities, endpoints, services, backends } = results.size;
  const { failed } = results;
  const targets = targetsOf(results).map(({ what, found, aim, met }) => [what, found, aim, met ? 'met' : 'missed']);
  return [
    `${clusters} clusters, each ${nodes} nodes, ${identities} identities, ${endpoints} endpoints, ${services} services of ${backends} backends: ${results.played.records.toLocaleString('en')} records. The agent's maps are in ${results.datapath === 'ebpf' ? 'the kernel' : 'memory'}.`,
    table(
      ['measure', 'found'],
      [
        ...bootstrapRows(results),
        ...churnRows(results.churn),
        ...largeRows(results.large),
        ...publishRows(results.publish),
        ...agentRows(results.agents),
        ...outageRows(results),
        ...results.loops.map(({ process, ...loop }): Row => [`event loop of ${process}`, lateness(loop)]),
      ],
    ),
    ...(failed === undefined ? [] : [`${failed.measure} could not be measured, nor what follows it: ${failed.reason}`]),
    table(['target with 250 clusters', 'found here', 'target', ''], targets),
  ].join('\n\n');
}

const each = (values: PerProcess<number>, unit: string): string =>
  Object.entries(values)
    .map(([process, value]) => `${process} ${rounded(value)} ${unit}`)
    .join(', ');

function* bootstrapRows({ bare, bootstrap, live }: Results): Generator<Row> {
  if (bare !== undefined) {
    yield ['bare copy', `${ms(bare.ms)}, CPU ${ms(bare.cpuMs)}, for ${bare.records} records, ${bytes(bare.bytes)}`];
  }
  const [times, cpuTimes] = [bare && bootstrap.ms / bare.ms, cpuToBare({ bare, bootstrap })];
  yield ['bootstrap', `${ms(bootstrap.ms)}${times === undefined ? '' : `, ${rounded(times)} × the bare copy`}`];
  const than = cpuTimes === undefined ? '' : `; without the agent ${rounded(cpuTimes)} × that of the bare copy`;
  yield ['its CPU', `${each(bootstrap.cpuMs, 'ms')}${than}`];
  for (const [process, name] of [
    ['apiserver', 'API server'],
    ['agent', 'agent'],
  ] as const) {
    const { before, after } = bootstrap.rssBytes[process];
    const kept =
      live === undefined ? '' : `, of which live ${bytes(live[process].before)}, then ${bytes(live[process].after)}`;
    yield [`${name} memory`, `resident ${bytes(before)} before, ${bytes(after)} after${kept}`];
  }
}

function* churnRows(churn: Churn | undefined): Generator<Row> {
  if (churn === undefined) return;
  yield [`put to maps at ${Math.round(churn.changesPerSecond)} changes/s`, spread(churn.putToMap)];
  yield ['gone from maps, with the grace of 1 s', spread(churn.goneFromMap)];
  yield ['CPU in churn', each(churn.cpuPercent, '%')];
  yield ['its changes a second', `${ratesText(churn.rates)}; seed ${churn.seed}`];
  yield [`false alarms in ${Math.round(churn.seconds)} s`, alarmsText(churn.falseAlarms)];
}

/** A list that is long says no more than its beginning. */
const ALARMS_SHOWN_MAX = 10;

function alarmsText(alarms: Churn['falseAlarms']): string {
  if (alarms.length === 0) return 'none';
  const shown = alarms.slice(0, ALARMS_SHOWN_MAX).map(({ atMs, who, what }) => `${ms(atMs)} ${who}: ${what}`);
  return `${alarms.length}: ${shown.join('; ')}${alarms.length > ALARMS_SHOWN_MAX ? '; …' : ''}`;
}

function* largeRows(large: LargeService | undefined): Generator<Row> {
  if (large === undefined) return;
  yield [`one of ${large.backends.toLocaleString('en')} backends, put to maps`, spread(large.putToMap)];
  yield ['gone from maps, with the grace of 1 s', spread(large.goneFromMap)];
  yield ['its map writes', rounded(large.mapWrites)];
  yield ['its bytes', `record ${bytes(large.recordBytes)}, read by the agent ${bytes(large.agentReadBytes)}`];
  yield* costRows(large);
}

function* costRows({ cpuMs, idleCpuPercent, changes }: Cost): Generator<Row> {
  const estimates = Object.entries(cpuMs).map(([process, estimate]) => `${process} ${estimated(estimate)}`);
  yield [`its CPU, of ${changes} changes`, estimates.join(', ')];
  yield ['CPU of the idle mesh beside it', each(idleCpuPercent, '%')];
}

const estimated = ({ mean, low, high }: Estimate): string => `${ms(mean)} (${rounded(low)} to ${rounded(high)})`;

function* publishRows(publish: Publish | undefined): Generator<Row> {
  if (publish === undefined) return;
  const { backends, slices, openMs, fileToEtcd, writtenBytes, ciliumBytes, recordBytes } = publish;
  const what = `own service of ${backends.toLocaleString('en')} backends in ${slices} slices`;
  yield [what, `${ms(openMs)} from its manifests to the maps, small ones beside it`];
  yield ['one endpoint of it, manifest to etcd', spread(fileToEtcd)];
  yield [
    'its bytes',
    `${bytes(writtenBytes)} written, of which ${bytes(ciliumBytes)} in Cilium's schema, whose record has ${bytes(recordBytes)}`,
  ];
  yield* costRows(publish);
}

function* agentRows(agents: ManyAgents | undefined): Generator<Row> {
  if (agents === undefined) return;
  const { slow } = agents;
  yield [`${agents.agents} agents subscribe`, `${ms(agents.openMs)}, API server CPU ${ms(agents.openCpuMs)}`];
  yield ['one backend, put to each of them', spread(agents.putToAgent)];
  yield ['its cost', `API server CPU ${ms(agents.cpuMs)}, ${bytes(agents.bytes)} to each`];
  yield [
    'one of them does not read',
    `the others ${spread(slow.putToAgent)}; then ${slow.steps} steps for ${slow.changes} changes, memory × ${rounded(slow.memoryRatio)}`,
  ];
}

function* outageRows({ storm, silence, restart }: Results): Generator<Row> {
  if (storm !== undefined) {
    const lost = storm.backendsBefore - storm.backendsMin;
    yield ['all reconnect', `${ms(storm.backMs)}, ${lost} withdrawn, memory × ${rounded(storm.memoryRatio)}`];
  }
  if (silence !== undefined) {
    const { firstMs, allMs, backMs } = silence;
    yield ['silent peers', `first noticed in ${ms(firstMs)}, all in ${ms(allMs)}, back in ${ms(backMs)}`];
  }
  if (restart === undefined) return;
  const { servesMs, wholeMs, cpuMs, backendsBefore, backendsMin, loop } = restart;
  const late = loop === undefined ? '' : `; event loop ${lateness(loop)}`;
  yield ['API server killed and started', `serves in ${ms(servesMs)}, all peers back in ${ms(wholeMs)}`];
  yield ['of the new process', `CPU ${ms(cpuMs)}, ${backendsBefore - backendsMin} backends withdrawn${late}`];
}

/** Without the waits: what is the program's doing, whatever else runs on the machine. */
const lateness = ({ p999, max, ownP999, ownMax }: Lateness): string =>
  `p99.9 ${ms(p999)} late, at most ${ms(max)}; without waiting for a processor ${ms(ownP999)} and ${ms(ownMax)}`;

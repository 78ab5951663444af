// What is aimed at with the load of 250 clusters, and what a run has found of it. Nothing fails by a target that is missed: times are the
// machine's as well. Pure.

import { bytes, ms, rounded } from './format.ts';
import type { Results } from './results.ts';

export interface Target {
  readonly what: string;
  readonly found: string;
  readonly aim: string;
  readonly met: boolean;
}

const KIB = 1_024;
/** Ten minutes, but for the end of the last look. A shorter calm says little about alarms that are false once in a while. */
const CALM_SECONDS_MIN = 595;

export function targetsOf({
  bare,
  bootstrap,
  live,
  churn,
  large,
  storm,
  silence,
  loops,
  size,
  datapath,
}: Results): readonly Target[] {
  const targets: Target[] = [];
  const atMost = (what: string, value: number | undefined, bound: number, show: (value: number) => string) => {
    if (value !== undefined) targets.push({ what, found: show(value), aim: `≤ ${show(bound)}`, met: value <= bound });
  };
  const times = (value: number) => `${rounded(value)} ×`;
  const percent = (value: number) => `${rounded(value)} %`;
  atMost('bootstrap', bootstrap.ms, 30_000, ms);
  atMost('bootstrap, against the bare copy', bare && bootstrap.ms / bare.ms, 3, times);
  atMost('put to maps in churn, p50', churn?.putToMap.p50, 20, ms);
  atMost('put to maps in churn, p99', churn?.putToMap.p99, 250, ms);
  atMost('API server in churn, of one core', churn?.cpuPercent.apiserver, 50, percent);
  if (large !== undefined) {
    const one = `one of ${large.backends.toLocaleString('en')} backends`;
    atMost(`${one}: bytes to an agent`, large.agentReadBytes, 2 * KIB, bytes);
    atMost(`${one}: map writes`, large.mapWrites, 8, rounded);
    atMost(`${one}: agent CPU`, large.cpuMs.agent.mean, 1, ms);
    atMost(`${one}: API server CPU`, large.cpuMs.apiserver.mean, 5, ms);
  }
  const { clusters, endpoints, services, backends } = size;
  const withMaps = datapath === 'memory' ? ' with its maps' : '';
  const perEndpoint = live && (live.apiserver.after - live.apiserver.before) / (clusters * endpoints);
  const perBackend = live && (live.agent.after - live.agent.before) / (clusters * services * backends);
  atMost('API server memory per remote endpoint, live', perEndpoint, 1.5 * KIB, bytes);
  atMost('API server memory per remote endpoint, resident', bootstrap.apiServerBytesPerEndpoint, 1.5 * KIB, bytes);
  atMost(`agent memory per remote backend${withMaps}, live`, perBackend, 600, bytes);
  atMost(`agent memory per remote backend${withMaps}, resident`, bootstrap.agentBytesPerBackend, 600, bytes);
  atMost('all peers reconnect', storm?.backMs, bootstrap.ms, ms);
  atMost('memory while all peers reconnect', storm?.memoryRatio, 1.5, times);
  atMost('backends withdrawn meanwhile', storm && storm.backendsBefore - storm.backendsMin, 0, String);
  for (const { process, p999 } of loops) atMost(`event loop of ${process}, p99.9 late`, p999, 50, ms);
  atMost('silent peers, until the last is noticed', silence?.allMs, 10_000, ms);
  if (churn !== undefined && churn.seconds >= CALM_SECONDS_MIN) {
    atMost(`false alarms in ${ms(churn.seconds * 1_000)} of churn`, churn.falseAlarms.length, 0, String);
  }
  return targets;
}

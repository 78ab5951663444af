// What fails a run: ratios and counts, which mean the same on a machine that is slow or busy with others. Ratios of CPU stand closer to
// what they are than ratios of time, since a neighbour takes a processor from one side of a ratio and not from the other: what counts
// is bounded in CPU, at one and a half to two times what the short form shows on two processors with a load of 8. Pure.

import type { Estimate } from './estimate.ts';
import type { Results } from './results.ts';

interface Bound {
  readonly what: string;
  /** Of a run, if it was measured. */
  readonly value: (results: Results) => number | undefined;
  readonly atMost: number;
  /** What it shows when nothing is wrong, and what it consists of. */
  readonly why: string;
}

export const BOUNDS: readonly Bound[] = [
  {
    what: 'CPU of a bootstrap to that of the bare copy',
    value: cpuToBare,
    atMost: 6.5,
    why: '3.2 to 4.3: API server, etcd and doors serve, judge and write each record once',
  },
  {
    what: "the agent's CPU of a bootstrap to that of the bare copy",
    value: ({ bare, bootstrap }) => bare && bootstrap.cpuMs.agent / bare.cpuMs,
    atMost: 1.6,
    why: '0.8 to 0.9',
  },
  {
    what: 'time of a bootstrap to that of the bare copy',
    value: ({ bare, bootstrap }) => bare && bootstrap.ms / bare.ms,
    atMost: 12,
    why: '2 to 6 of a time that is a fifth of a second: only a wait for something that does not come is found here',
  },
  {
    what: 'live memory of the API server per remote endpoint, in bytes',
    value: ({ live, size }) =>
      live && (live.apiserver.after - live.apiserver.before) / (size.clusters * size.endpoints),
    atMost: 11_000,
    why: '6,700 to 7,400 in a mesh so small that much of it are ten connections; another copy of every record adds 300',
  },
  {
    what: 'live memory of the agent per remote backend, in bytes',
    value: ({ live, size }) =>
      live && (live.agent.after - live.agent.before) / (size.clusters * size.services * size.backends),
    atMost: 4_500,
    why: '3,000 to 3,300 with the maps in memory, a third of it once for the whole agent',
  },
  {
    what: 'map writes for one backend of a large service',
    value: ({ large }) => large?.mapWrites,
    atMost: 4,
    why: '3.1: the rows of a backend, of its slot and of the frontend',
  },
  {
    what: 'bytes that an agent reads for one backend of a large service',
    value: ({ large }) => large?.agentReadBytes,
    atMost: 2_048,
    why: '120, and a few hundred on a busy machine; the service as a whole is a thousand times that',
  },
  {
    what: "the API server's CPU for one backend to that of a bare copy of the service's record",
    value: (results) => toCopy(results, results.large?.cpuMs.apiserver, results.large?.recordBytes),
    atMost: 0.8,
    why: '0.28 to 0.44',
  },
  {
    what: "the agent's CPU for one backend to that of a bare copy of the service's record",
    value: (results) => toCopy(results, results.large?.cpuMs.agent, results.large?.recordBytes),
    atMost: 0.08,
    why: '0.03',
  },
  {
    what: "the API server's CPU for one endpoint of an own service to that of a bare copy of its record",
    value: (results) => toCopy(results, results.publish?.cpuMs.apiserver, results.publish?.recordBytes),
    atMost: 1,
    why: '0.4 to 0.7',
  },
  {
    what: 'bytes written for one endpoint of an own service to those of its record',
    value: ({ publish }) => publish && publish.writtenBytes / publish.recordBytes,
    atMost: 1.5,
    why: '0.6: its slices each time, and values as a whole now and then; one such value for each change would be 1',
  },
  {
    what: 'bytes to each of many agents for one backend',
    value: ({ agents }) => agents?.bytes,
    atMost: 1_024,
    why: '135, and 560 where heartbeats come between',
  },
  {
    what: "the API server's memory while one agent does not read, to that before",
    value: ({ agents }) => agents?.slow.memoryRatio,
    atMost: 1.2,
    why: '1.00 to 1.06: nothing is queued for it',
  },
  {
    what: "the API server's memory at its most while all peers come back, to that before",
    value: ({ storm }) => storm?.memoryRatio,
    atMost: 1.3,
    why: '1.01 here and 1.00 with 250 clusters; the target is 1.5',
  },
  {
    what: 'time until all peers are back to that of a bootstrap',
    value: ({ storm, bootstrap }) => storm && storm.backMs / bootstrap.ms,
    atMost: 2,
    why: '0.1 to 0.6; pauses before a reconnect are in it, which do not shrink with the mesh; the target with 250 clusters is 1',
  },
  {
    what: 'backends withdrawn while all peers reconnect',
    value: ({ storm }) => storm && storm.backendsBefore - storm.backendsMin,
    atMost: 0,
    why: 'losing a connection withdraws nothing',
  },
  {
    what: 'backends withdrawn in a restart of the API server',
    value: ({ restart }) => restart && restart.backendsBefore - restart.backendsMin,
    atMost: 0,
    why: 'stopping is not removing',
  },
  {
    what: 'false alarms in churn',
    value: ({ churn }) => churn?.falseAlarms.length,
    atMost: 0,
    why: 'everybody is there and speaks',
  },
];

/** What is worse than the bounds allow, in words. */
export const exceeded = (results: Results): readonly string[] =>
  BOUNDS.flatMap(({ what, value, atMost, why }) => {
    const found = value(results);
    return found === undefined || found <= atMost
      ? []
      : [`${what}: ${found.toFixed(2)}, and may be ${atMost} (usually ${why})`];
  });

/** Everything that a bootstrap takes but the agent: the bare copy has none. */
export function cpuToBare({ bare, bootstrap }: Pick<Results, 'bare' | 'bootstrap'>): number | undefined {
  const { apiserver, etcd, player } = bootstrap.cpuMs;
  return bare && (apiserver + etcd + player) / bare.cpuMs;
}

/** Against what reading and writing so many bytes takes by itself, on this machine and in this run. */
function toCopy({ bare }: Results, cpu: Estimate | undefined, recordBytes: number | undefined): number | undefined {
  if (bare === undefined || cpu === undefined || recordBytes === undefined) return undefined;
  // What it costs at least: a collection of the whole heap in one of few windows is no reason to fail.
  return cpu.low / (recordBytes * (bare.cpuMs / bare.bytes));
}

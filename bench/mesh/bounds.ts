// What fails a run: ratios and counts, which mean the same on a machine that is slow or busy with others. Ratios of CPU stand closer to
// what they are than ratios of time, since a neighbour takes a processor from one side of a ratio and not from the other. Pure.

import type { Results } from './results.ts';

/** Each with what the short form shows on two processors, idle and busy, and why it may not be more. */
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
export function exceeded({ bare, bootstrap, churn, large, agents, storm, restart }: Results): readonly string[] {
  const found: string[] = [];
  const check = (what: string, value: number | undefined, bound: number) => {
    if (value !== undefined && value > bound) found.push(`${what} is ${value.toFixed(2)}, and may be ${bound}`);
  };
  check('bootstrap to bare copy', bare && bootstrap.ms / bare.ms, BOUNDS.bootstrapToBare);
  check('CPU of a bootstrap to bare copy', cpuToBare({ bare, bootstrap }), BOUNDS.bootstrapCpuToBare);
  check('map writes for one backend', large?.mapWrites, BOUNDS.mapWrites);
  check('agent bytes to record bytes', large && large.agentReadBytes / large.recordBytes, BOUNDS.agentBytesToRecord);
  check('memory with an agent that does not read', agents?.slow.memoryRatio, BOUNDS.slowAgentMemory);
  check('memory in a reconnect storm', storm?.memoryRatio, BOUNDS.stormMemory);
  check('reconnect to bootstrap', storm && storm.backMs / bootstrap.ms, BOUNDS.stormToBootstrap);
  check('false alarms in churn', churn?.falseAlarms.length, 0);
  check('backends withdrawn in a reconnect storm', storm && storm.backendsBefore - storm.backendsMin, 0);
  check('backends withdrawn in a restart', restart && restart.backendsBefore - restart.backendsMin, 0);
  return found;
}

/** Everything that a bootstrap takes but the agent: the bare copy has none. */
export function cpuToBare({ bare, bootstrap }: Pick<Results, 'bare' | 'bootstrap'>): number | undefined {
  const { apiserver, etcd, player } = bootstrap.cpuMs;
  return bare && (apiserver + etcd + player) / bare.cpuMs;
}

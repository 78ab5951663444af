// Runs a node's agent until the signal aborts: chooses the maps, and brings the real clock, chance and log. Stopping is not
// removing: what is in the kernel stays and goes on forwarding.

import { systemClock } from '../runtime/clock.ts';
import { runLifecycle } from '../runtime/lifecycle.ts';
import { type Log, processLog } from '../runtime/log.ts';
import { systemRandom } from '../runtime/random.ts';
import { limitYoungGeneration } from '../runtime/young-generation.ts';
import type { TellingMaps } from './app.ts';
import { systemLoop } from './breather.ts';
import { composeAgent } from './compose.ts';
import type { AgentConfig } from './config.ts';
import { StartTimes } from './status/start-times.ts';

export async function runAgent(config: AgentConfig, signal: AbortSignal): Promise<void> {
  limitYoungGeneration();
  const log = processLog(config.log.level, { cluster: config.cluster.name, node: config.node.name });
  const start = new StartTimes(systemClock, log);
  start.reached('modules');
  const deps = { clock: systemClock, random: systemRandom, log, loop: systemLoop, start };
  await runLifecycle(await composeAgent(config, () => openMaps(config.datapath, log), deps), deps, signal);
  log.info('stopped');
}

/** Imported when chosen, so that an agent with maps in memory needs no libbpf. */
async function openMaps({ kind, pinDir, cgroup, sizes }: AgentConfig['datapath'], log: Log): Promise<TellingMaps> {
  if (kind === 'memory') {
    const { MemoryMaps } = await import('./maps/memory.ts');
    log.warn('maps in memory: no packet is forwarded');
    return new MemoryMaps({ sizes });
  }
  const [{ COMPILED_OBJECT: objectPath, holdPins, openDatapath }, { KernelNodeSockets }] = await loadKernelParts();
  const options = { pinDir, cgroup, sizes, objectPath, log: log.child({ part: 'datapath' }) };
  try {
    // Until the process ends.
    await holdPins(pinDir, systemClock);
    return Object.assign(await openDatapath(options), { sockets: new KernelNodeSockets() });
  } catch (error) {
    await tellPreflight({ pinDir, cgroup }, log);
    throw error;
  }
}

export const loadKernelParts = () => Promise.all([import('./datapath/index.ts'), import('./sockets/kernel/index.ts')]);

/** Why a datapath cannot be opened is often seen only beside what else the host lacks. */
async function tellPreflight(folders: { readonly pinDir: string; readonly cgroup: string }, log: Log): Promise<void> {
  const { runPreflight } = await import('./preflight/index.ts');
  for (const { id, title, status, reason, remedy } of runPreflight(folders)) {
    if (status === 'failed') log.error('preflight check failed', { check: id, title, reason, remedy });
    else if (status === 'unknown') log.info('preflight check is undecided', { check: id, title, reason, remedy });
  }
}

// Runs a mesh API server until the signal aborts: the composition root's caller, with the real clock, chance and log.

import { randomUUID } from 'node:crypto';
import { systemClock } from '../runtime/clock.ts';
import { runLifecycle } from '../runtime/lifecycle.ts';
import { processLog } from '../runtime/log.ts';
import { systemRandom } from '../runtime/random.ts';
import { composeApiServer } from './app.ts';
import type { ApiServerConfig } from './config.ts';

export async function runApiServer(config: ApiServerConfig, signal: AbortSignal): Promise<void> {
  const log = processLog(config.log.level, { cluster: config.cluster.name });
  const deps = { clock: systemClock, random: systemRandom, log, uuid: randomUUID };
  await runLifecycle(await composeApiServer(config, deps), deps, signal);
  log.info('stopped');
}

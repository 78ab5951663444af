// `clustermesh agent`, and nothing else.

import { runCommand } from '../command.ts';
import { agentCommand } from '../programs.ts';

export const main = (): Promise<number> => runCommand(() => [agentCommand()]);

/** Everything that a start imports on its way: compiled beforehand by scripts/bundle.mjs. */
export async function preload(): Promise<void> {
  await import('../../agent/config.ts');
  const { loadKernelParts } = await import('../../agent/main.ts');
  await loadKernelParts();
}

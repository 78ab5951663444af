// `clustermesh apiserver`, and nothing else.

import { runCommand } from '../command.ts';
import { apiServerCommand } from '../programs.ts';

export const main = (): Promise<number> => runCommand(() => [apiServerCommand()]);

/** Everything that a start imports on its way: compiled beforehand by scripts/bundle.mjs. */
export async function preload(): Promise<void> {
  await import('../../apiserver/config.ts');
  await import('../../apiserver/main.ts');
}

// Every subcommand, as `clustermesh --help` lists them.

import { runCommand } from '../command.ts';
import { otherCommands } from '../commands.ts';
import { agentCommand, apiServerCommand } from '../programs.ts';

export const main = (): Promise<number> =>
  runCommand((program) => [apiServerCommand(), agentCommand(), ...otherCommands(program)]);

/** What one of them needs is imported with it. */
export async function preload(): Promise<void> {}

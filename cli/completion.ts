// `clustermesh completion bash|zsh|fish`: a script for the shell, made from the command tree itself so that it never lags
// behind it.

import { Argument, Command } from 'commander';
import { bashCompletion, zshCompletion } from './completion/bash.ts';
import { fishCompletion } from './completion/fish.ts';
import { completedCommands } from './completion/tree.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

export function completionCommand(program: Command): Command {
  return new Command('completion')
    .description('print a completion script: source <(clustermesh completion bash)')
    .addArgument(new Argument('<shell>').choices(Object.keys(SCRIPTS)))
    .action((shell: keyof typeof SCRIPTS) => {
      process.stdout.write(SCRIPTS[shell](completedCommands(program)));
    });
}

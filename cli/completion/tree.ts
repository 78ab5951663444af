// The command tree as shells complete it: what may come after the words that stand there already.

import type { Command, Option } from 'commander';

export interface CompletedOption {
  /** `--output`, and `-o` where there is one. */
  readonly names: readonly string[];
  readonly description: string;
  /** What its value may be; empty where it takes any, absent where it takes none. */
  readonly values?: readonly string[];
}

export interface CompletedCommand {
  /** `[]` for the command itself, else `['maps', 'dump']`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** What its arguments may be, where they are of a fixed set. */
  readonly values: readonly string[];
}

const HELP: CompletedOption = { names: ['--help', '-h'], description: 'display help for command' };

/** The command and everything below it, each before its own subcommands. */
export function completedCommands(command: Command, path: readonly string[] = []): readonly CompletedCommand[] {
  const here = {
    path,
    description: command.description(),
    options: [...command.options.map(completedOption), HELP],
    values: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
  };
  return [here, ...command.commands.flatMap((child) => completedCommands(child, [...path, child.name()]))];
}

const completedOption = ({ long, short, description, required, optional, argChoices }: Option): CompletedOption => ({
  names: [long, short].filter((name) => name !== undefined),
  description,
  ...(required || optional ? { values: argChoices ?? [] } : {}),
});

/** The names of the subcommands of one. */
export const childrenOf = (all: readonly CompletedCommand[], { path }: CompletedCommand): readonly CompletedCommand[] =>
  all.filter((other) => other.path.length === path.length + 1 && path.every((name, at) => other.path[at] === name));

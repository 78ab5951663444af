#!/usr/bin/env node
// The one command. Subcommands are thin: they start a program, or read what a running one says and print it. Programs are
// imported when they are asked for, so that `--help` and reading stay quick.
//
// Exit codes: 0 done; 1 the command found what it reports as wrong; 2 wrong usage; 3 it could not be carried out.

import { Command, CommanderError } from 'commander';
import { causeChain, OperationalError } from '../runtime/errors.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { agentCommand, apiServerCommand } from './programs.ts';

async function buildCommand(): Promise<Command> {
  const program = new Command('clustermesh')
    .description('ClusterMesh control plane: connects clusters, finds conflicts before it programs them')
    .version(SOFTWARE_VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for what this command takes)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 something reported as wrong, 2 wrong usage, 3 could not be carried out.',
    );
  const programs = [apiServerCommand(), agentCommand()];
  // An agent that starts again is to be there soon: what only other commands need is half of what there is to load.
  const starts = programs.some((command) => command.name() === process.argv[2]);
  const commands = starts ? programs : [...programs, ...(await import('./commands.ts')).otherCommands(program)];
  for (const command of commands) program.addCommand(command.exitOverride());
  return program;
}

async function main(): Promise<number> {
  try {
    await (await buildCommand()).parseAsync();
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof OperationalError) {
      process.stderr.write(`clustermesh: ${error.message}\n`);
      return 3;
    }
    process.stderr.write(`clustermesh: this is a bug: ${causeChain(error).join(': caused by: ')}\n`);
    process.stderr.write(error instanceof Error && error.stack !== undefined ? `${error.stack}\n` : '');
    return 3;
  }
}

process.exitCode = await main();

// The one command, of the subcommands that its entry gives it (entries/). Subcommands are thin: they start a program, or read what
// a running one says and print it. Programs are imported when they are asked for, so that `--help` and reading stay quick.
//
// Exit codes: 0 done; 1 the command found what it reports as wrong; 2 wrong usage; 3 it could not be carried out.

import { Command, CommanderError } from 'commander';
import { causeChain, OperationalError } from '../runtime/errors.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { whenUnread } from './terminal.ts';

type Subcommands = (program: Command) => readonly Command[];

function buildCommand(subcommands: Subcommands): Command {
  const program = new Command('clustermesh')
    .description('ClusterMesh control plane: connects clusters, finds conflicts before it programs them')
    .version(SOFTWARE_VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for what this command takes)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 something reported as wrong, 2 wrong usage, 3 could not be carried out.',
    );
  for (const command of subcommands(program)) program.addCommand(command.exitOverride());
  return program;
}

/** Carries out this process's arguments; resolves with its exit code. */
export async function runCommand(subcommands: Subcommands): Promise<number> {
  whenUnread(process.stdout, () => process.exit());
  try {
    await buildCommand(subcommands).parseAsync();
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

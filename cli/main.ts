#!/usr/bin/env node
// The one command. Subcommands are thin: they start a program, or read what a running one says and print it. Programs are
// imported when they are asked for, so that `--help` and reading stay quick.
//
// Exit codes: 0 done; 1 the command found what it reports as wrong; 2 wrong usage; 3 it could not be carried out.

import { Command, CommanderError } from 'commander';
import { causeChain, OperationalError } from '../runtime/errors.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import { completionCommand } from './completion.ts';
import { diagnoseCommand } from './diagnose.ts';
import { explainCommand } from './explain.ts';
import { inviteCommand } from './invite.ts';
import { joinCommand, leaveCommand } from './join.ts';
import { mapsCommand } from './maps.ts';
import { observeCommand } from './observe.ts';
import { peersCommand } from './peers.ts';
import { pkiCommand } from './pki.ts';
import { preflightCommand } from './preflight.ts';
import { agentCommand, apiServerCommand } from './programs.ts';
import { releaseCommand } from './release.ts';
import { servicesCommand } from './services.ts';
import { statusCommand } from './status.ts';
import { troubleshootCommand } from './troubleshoot.ts';
import { waitCommand } from './wait.ts';

const STARTS_PROGRAM = ['agent', 'apiserver'].includes(process.argv[2] ?? '');

async function buildCommand(): Promise<Command> {
  // An agent that starts again is to be there soon: the library for certificates alone takes a third of what it loads.
  const trust = STARTS_PROGRAM ? [] : [(await import('./trust.ts')).trustCommand()];
  const program = new Command('clustermesh')
    .description('ClusterMesh control plane: connects clusters, finds conflicts before it programs them')
    .version(SOFTWARE_VERSION)
    .exitOverride()
    .showHelpAfterError('(add --help for what this command takes)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 something reported as wrong, 2 wrong usage, 3 could not be carried out.',
    );
  for (const command of [
    apiServerCommand(),
    agentCommand(),
    statusCommand(),
    waitCommand(),
    servicesCommand(),
    peersCommand(),
    troubleshootCommand(),
    diagnoseCommand(),
    explainCommand(),
    releaseCommand(),
    inviteCommand(),
    joinCommand(),
    leaveCommand(),
    mapsCommand(),
    observeCommand(),
    preflightCommand(),
    pkiCommand(),
    ...trust,
    completionCommand(program),
  ]) {
    program.addCommand(command.exitOverride());
  }
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

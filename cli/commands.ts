// All commands but those that start a program, in the order in which help lists them.

import type { Command } from 'commander';
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
import { releaseCommand } from './release.ts';
import { servicesCommand } from './services.ts';
import { statusCommand } from './status.ts';
import { troubleshootCommand } from './troubleshoot.ts';
import { trustCommand } from './trust.ts';
import { waitCommand } from './wait.ts';

export function otherCommands(program: Command): readonly Command[] {
  return [
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
    trustCommand(),
    completionCommand(program),
  ];
}

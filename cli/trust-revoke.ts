// `clustermesh trust revoke`: ends a peer at once and keeps it away. Unlike `leave` the decision is remembered, so that neither a file that
// is copied back nor a join brings the peer in again. The API server does it; this shows what would happen and waits for a yes.

import { Command } from 'commander';
import type { RevocationDocument } from '../apiserver/join/revocation.ts';
import { changeJson } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { confirmed } from './confirm.ts';
import { type OutputFormat, outputOption, peerArgument, pkiOption, print, serverOption } from './options.ts';

interface RevokeOptions extends ApiPlace {
  readonly output: OutputFormat;
  readonly dryRun?: true;
  readonly yes?: true;
}

export function revokeCommand(): Command {
  return new Command('revoke')
    .description('end a peer at once, withdraw what it contributed, and keep it away until that is taken back')
    .addArgument(peerArgument())
    .option('--dry-run', 'only show what would be done')
    .option('--yes', 'do not ask')
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nIts document and trust store are kept, with .revoked behind their names. To take it back, delete them and join anew.' +
        '\nWithout --yes it asks; where standard input is no terminal, it then changes nothing.',
    )
    .action(async (peer: string, { output, dryRun, yes, ...place }: RevokeOptions) => {
      const ask = async (dry_run: boolean) =>
        (await changeJson(place, 'POST', `/v1/peers/${peer}/revocation`, { dry_run })) as RevocationDocument;
      if (dryRun === true) return print(output, await ask(true), render);
      const question = `Revoke ${peer}: close its connections, and withdraw every backend of it from this cluster?`;
      if (yes !== true && !(await confirmed(question))) {
        process.stderr.write('clustermesh: nothing was changed; --yes revokes without asking\n');
        process.exitCode = 1;
        return;
      }
      print(output, await ask(false), render);
    });
}

function render({ peer, state, changed, kept }: RevocationDocument): string {
  if (state === 'planned') {
    return changed
      ? `Would close every connection of ${peer}, withdraw what it contributed, and keep it away.`
      : `${peer} is revoked already: nothing would change.`;
  }
  return [
    changed ? `${peer} is revoked.` : `${peer} was revoked already.`,
    ...kept.map((path) => `kept  ${path}`),
    `${peer} keeps its side until its administrator runs \`clustermesh leave\` there.`,
  ].join('\n');
}

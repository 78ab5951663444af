// `clustermesh invite`: makes a token for one other cluster, shows what became of those that were made, and takes one back. The API server
// does it; these commands ask it.

import { Command, InvalidArgumentError, Option } from 'commander';
import type {
  InvitationsDocument,
  ListedInvitation,
  WithdrawalDocument,
} from '../apiserver/join/invitations-document.ts';
import type { IssuedInvitation } from '../apiserver/join/inviter.ts';
import { changeJson, getDocument } from './api-client.ts';
import type { ApiPlace } from './api-request.ts';
import { clusterName, type OutputFormat, outputOption, pkiOption, print, serverOption } from './options.ts';
import { table } from './table.ts';

interface InviteOptions extends ApiPlace {
  readonly output: OutputFormat;
  readonly peer?: string;
  readonly ttl: number;
  readonly list?: true;
  readonly revoke?: string;
  readonly force?: true;
}

export function inviteCommand(): Command {
  return new Command('invite')
    .description('make a token with which one other cluster may join; hand it over, and compare the words by voice')
    .addOption(new Option('--peer <name>', 'the cluster that is invited').argParser(clusterName))
    .addOption(new Option('--ttl <time>', 'how long it is good: 90s, 15m, 2h').default(900, '15m').argParser(seconds))
    .addOption(
      new Option('--list', 'show every invitation of the last day, and what became of it').conflicts([
        'peer',
        'ttl',
        'revoke',
        'force',
      ]),
    )
    .addOption(
      new Option('--revoke <id>', 'withdraw the invitation with this id: its token brings nobody in any more')
        .argParser(invitationId)
        .conflicts(['peer', 'ttl']),
    )
    .addOption(new Option('--force', 'with --revoke: even from under a join that has begun').conflicts('peer'))
    .addOption(serverOption())
    .addOption(pkiOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nOne of --peer, --list and --revoke. A withdrawn invitation is kept for a day, so that whoever has its token is told.' +
        '\nWhat was used cannot be withdrawn: `clustermesh leave` ends what it brought in.',
    )
    .action(async ({ peer, ttl, list, revoke, force, output, ...place }: InviteOptions, command: Command) => {
      if (list === true) {
        return print(
          output,
          await getDocument<InvitationsDocument>(place, '/v1/invitations', 'invitations'),
          renderInvitations,
        );
      }
      if (revoke !== undefined) {
        const path = `/v1/invitations/${revoke}/withdrawal`;
        const body = { force: force === true };
        return print(output, (await changeJson(place, 'POST', path, body)) as WithdrawalDocument, renderWithdrawal);
      }
      if (peer === undefined) return command.error("error: one of '--peer', '--list' and '--revoke' is needed");
      if (force === true) return command.error("error: '--force' goes with '--revoke'");
      const body = { peer, ttl_seconds: ttl };
      const issued = (await changeJson(place, 'POST', '/v1/invitations', body)) as IssuedInvitation;
      print(output, issued, renderInvitation);
    });
}

const renderInvitation = ({ id, token, words, peer, expires_at, endpoints }: IssuedInvitation): string =>
  [
    `Hand this line to the administrator of ${peer}; it is good for one join, until ${expires_at}:`,
    '',
    token,
    '',
    `Words to compare by voice: ${words}`,
    `There: clustermesh join ${token.slice(0, 12)}…    (${peer} must reach ${endpoints.join(', ')})`,
    `To take it back: clustermesh invite --revoke ${id}`,
  ].join('\n');

function renderInvitations({ cluster, invitations }: InvitationsDocument): string {
  if (invitations.length === 0) return `${cluster} has no invitations: \`clustermesh invite --peer\` makes one.`;
  return table(
    ['INVITATION', 'FOR', 'STATE', 'SINCE', 'UNTIL', 'JOINER'],
    invitations.map(({ id, peer, state, since, expires_at, joiner }) => [
      id,
      peer,
      state,
      since,
      expires_at,
      joiner === null ? '-' : joinerText(joiner),
    ]),
  );
}

/** The keys tell a thief who took the name of the cluster that was invited. */
const joinerText = ({ name, spki_pins }: NonNullable<ListedInvitation['joiner']>): string =>
  [name, ...spki_pins].join(' ');

const renderWithdrawal = ({ changed, invitation: { id, peer } }: WithdrawalDocument): string =>
  changed
    ? `The invitation ${id} for ${peer} is withdrawn: its token brings nobody in any more.`
    : `The invitation ${id} for ${peer} was withdrawn before.`;

/** As it stands in a path; anything else was not copied whole. */
function invitationId(text: string): string {
  if (!/^[0-9a-f]{16}$/.test(text)) {
    throw new InvalidArgumentError('not an id of 16 hexadecimal digits, as `clustermesh invite --list` shows them.');
  }
  return text;
}

const UNITS = { s: 1, m: 60, h: 3_600 } as const;

function seconds(text: string): number {
  const match = /^(\d{1,6})([smh])$/.exec(text);
  if (match === null) throw new InvalidArgumentError('not a time like 90s, 15m or 2h.');
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS];
}

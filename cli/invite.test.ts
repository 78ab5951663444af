// `clustermesh invite --list` and `--revoke` against the real routes, over a unix socket: what is printed, and how a refusal reads.

import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { invitationsSchema, withdrawalSchema } from '../apiserver/http/schema/joining.ts';
import { invitationsDocument, shownInvitation } from '../apiserver/join/invitations-document.ts';
import { joinRoutes } from '../apiserver/join/routes.ts';
import { type HttpServer, serveHttp } from '../runtime/http.ts';
import { silentLog } from '../runtime/log.ts';
import { TestCluster } from '../test/join/two-clusters.ts';
import { keepPrinted } from '../test/samples/printed.ts';
import { inviteCommand } from './invite.ts';

let west: TestCluster;
let east: TestCluster;
let server: HttpServer;
const printed = keepPrinted();
beforeEach(async () => {
  west = await TestCluster.create({ name: 'west', id: 1 });
  east = await TestCluster.create({ name: 'east', id: 2 });
  const never = () => {
    throw new Error('not asked for here');
  };
  const { invitations, inviter, clock } = west;
  const routes = joinRoutes({
    ...{ plan: never, join: never, leave: never, revoke: never, peers: never },
    invite: (peer, ttlMs) => inviter.invite(peer, ttlMs),
    invitations: async () => invitationsDocument(west.name, await invitations.list(), clock.now()),
    async withdraw(id, force) {
      const { record, changed } = await invitations.withdraw(id, force);
      return { changed, invitation: shownInvitation(record, clock.now()) };
    },
  });
  server = await serveHttp(`unix:${join(west.dir, 'api.sock')}`, routes, silentLog);
});
afterEach(async () => {
  await server.close();
  for (const cluster of [west, east]) await cluster.remove();
});

async function run(...args: readonly string[]): Promise<string> {
  await inviteCommand()
    .exitOverride()
    .parseAsync([...args, '--server', server.address], { from: 'user' });
  return printed.take();
}

test('an invitation is made, listed, withdrawn, and listed as withdrawn', async () => {
  expect(await run('--list')).toBe('west has no invitations: `clustermesh invite --peer` makes one.\n');
  const made = await run('--peer', 'east');
  const [, id = ''] = /invite --revoke ([0-9a-f]{16})/.exec(made) ?? [];
  expect(await run('--list')).toMatch(new RegExp(`^INVITATION .*\n${id} +east +open .*-\n$`));
  expect(await run('--revoke', id)).toBe(
    `The invitation ${id} for east is withdrawn: its token brings nobody in any more.\n`,
  );
  expect(await run('--revoke', id)).toContain('was withdrawn before');
  const answer: unknown = JSON.parse(await run('--list', '-o', 'json'));
  expect(invitationsSchema.parse(answer)).toEqual(answer);
  expect(answer).toMatchObject({ cluster: 'west', invitations: [{ id, peer: 'east', state: 'withdrawn' }] });
  const again: unknown = JSON.parse(await run('--revoke', id, '-o', 'json'));
  expect(withdrawalSchema.parse(again)).toEqual(again);
});

test('who used an invitation is shown with its keys, and why it stays', async () => {
  const { token, id } = await west.inviter.invite(east.name, 60_000);
  await east.joiner.join(token);
  expect(await run('--list')).toMatch(/ used .* east sha256\//);
  await expect(run('--revoke', id)).rejects.toMatchObject({
    code: 'JOIN_INVITATION_USED',
    message: expect.stringContaining('clustermesh leave'),
  });
});

test.each([
  [[], /one of '--peer', '--list' and '--revoke'/],
  [['--list', '--peer', 'east'], /cannot be used with option/],
  [['--revoke', '0123456789abcdef', '--peer', 'east'], /cannot be used with option/],
  [['--revoke', 'cm1.AQAB'], /16 hexadecimal digits/],
  [['--force'], /goes with '--revoke'|one of/],
])('%j is wrong usage', async (args, reason) => {
  await expect(run(...args)).rejects.toThrow(reason);
});

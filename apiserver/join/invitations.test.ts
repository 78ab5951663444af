// What becomes of invitations that are withdrawn: open, from under a join, used, in a race, and what is shown of all of them.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseToken } from '../../pki/join/token.ts';
import { nameOf, TestCluster } from '../../test/join/two-clusters.ts';
import { openJoinSession } from './client.ts';
import { INVITATIONS_PREFIX, type Invitation } from './invitation-record.ts';
import { invitationsDocument } from './invitations-document.ts';
import { PATHS, planAnswerSchema } from './protocol.ts';

let west: TestCluster;
let east: TestCluster;
beforeEach(async () => {
  west = await TestCluster.create({ name: 'west', id: 1 });
  east = await TestCluster.create({ name: 'east', id: 2 });
});
afterEach(async () => {
  for (const cluster of [west, east]) await cluster.remove();
});

const code = (code: string) => expect.objectContaining({ code });
const invite = (ttlMs = 15 * 60_000) => west.inviter.invite(east.name, ttlMs);
const listed = async () =>
  invitationsDocument(west.name, await west.invitations.list(), west.clock.now()).invitations.map(
    ({ id, state, joiner }) => ({ id, state, joiner: joiner?.name ?? null }),
  );

/** East has prepared, and does not go on. */
async function prepare(text: string): Promise<void> {
  const token = parseToken(text);
  if (!token.ok) throw new Error(token.error);
  const randomBytes = (size: number) => Buffer.alloc(size, 7);
  const session = await openJoinSession({ token: token.value, pair: east.pair, randomBytes });
  await session.ask(PATHS.prepare, Buffer.from(JSON.stringify(east.own.offer())), planAnswerSchema);
  session.close();
}

describe('an invitation that is withdrawn', () => {
  test('brings nobody in, and whoever has its token is told', async () => {
    const { id, token } = await invite();
    expect(await listed()).toEqual([{ id, state: 'open', joiner: null }]);
    expect(await west.invitations.withdraw(id, false)).toMatchObject({ changed: true });
    await expect(east.joiner.plan(token)).rejects.toEqual(code('JOIN_WITHDRAWN'));
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_WITHDRAWN'));
    expect(await listed()).toEqual([{ id, state: 'withdrawn', joiner: null }]);
    expect([await west.written(), await east.written()]).toEqual([{}, {}]);
  });

  test('stays as it is when it is withdrawn again, and is forgotten after a day', async () => {
    const { id } = await invite();
    await west.invitations.withdraw(id, false);
    const [before] = await west.invitations.list();
    expect(await west.invitations.withdraw(id, true)).toEqual({ changed: false, record: before });
    west.clock.offsetMs = 25 * 60 * 60_000;
    const another = await invite();
    expect(await listed()).toEqual([{ id: another.id, state: 'open', joiner: null }]);
  });

  test('is not taken from under a join that has begun, unless by force; that join then writes nothing', async () => {
    const { id, token } = await invite();
    await prepare(token);
    expect(await listed()).toEqual([{ id, state: 'joining', joiner: 'east' }]);
    await expect(west.invitations.withdraw(id, false)).rejects.toMatchObject({
      code: 'JOIN_INVITATION_TAKEN',
      reason: expect.stringContaining('a join of east has begun'),
      hint: expect.stringContaining('--force'),
    });
    await west.invitations.withdraw(id, true);
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_WITHDRAWN'));
    const [record] = await west.invitations.list();
    await expect(west.invitations.commit(id, joinerOf(record))).rejects.toEqual(code('JOIN_WITHDRAWN'));
    expect(await west.written()).toEqual({});
  });

  test('needs no force when the join that had begun did not go on', async () => {
    const { id, token } = await invite();
    await prepare(token);
    west.clock.offsetMs = 61_000;
    expect(await listed()).toEqual([{ id, state: 'open', joiner: 'east' }]);
    await west.invitations.withdraw(id, false);
    expect(await listed()).toEqual([{ id, state: 'withdrawn', joiner: 'east' }]);
  });

  test('cannot be one that was used: what it brought in is ended by leave', async () => {
    const { id, token } = await invite();
    await east.joiner.join(token);
    for (const force of [false, true]) {
      await expect(west.invitations.withdraw(id, force)).rejects.toMatchObject({
        code: 'JOIN_INVITATION_USED',
        reason: expect.stringContaining('east used it at'),
        hint: expect.stringContaining('clustermesh leave'),
      });
    }
    expect(await listed()).toEqual([{ id, state: 'used', joiner: 'east' }]);
  });

  test('loses or wins against joins at the same time, and never both', async () => {
    const { id, token } = await invite();
    const [joined, withdrawn] = await Promise.allSettled([
      east.joiner.join(token),
      west.invitations.withdraw(id, true),
    ]);
    expect(joined.status).not.toBe(withdrawn.status);
    expect(Object.keys(await west.written())).toHaveLength(joined.status === 'fulfilled' ? 2 : 0);
  });

  test('must be known', async () => {
    await expect(west.invitations.withdraw('0123456789abcdef', true)).rejects.toEqual(code('JOIN_NO_INVITATION'));
  });
});

test('what is listed has no secret in it', async () => {
  const { token } = await invite();
  await prepare(token);
  const [record] = await west.invitations.list();
  const text = JSON.stringify(invitationsDocument(west.name, await west.invitations.list(), west.clock.now()));
  expect(text).not.toContain(record?.verifier);
  expect(text).not.toContain(joinerOf(record).offer);
  expect(text).toContain(joinerOf(record).pins);
});

test('a removed peer takes all that was issued for it along, however much that was', async () => {
  const record = { peer: east.name, expiresAt: west.clock.now() + 60_000, verifier: '' };
  for (let index = 0; index < 150; index += 1) await west.invitations.open({ ...record, id: `${index}` });
  await west.inviter.invite(nameOf('north'), 60_000);
  await west.invitations.forget(east.name);
  expect((await west.invitations.list()).map(({ peer }) => peer)).toEqual(['north']);
});

test('a record that cannot be read lets nobody in, and is not shown', async () => {
  const { id, token } = await invite();
  const key = INVITATIONS_PREFIX + id;
  const value = Buffer.from((await west.store.get(key))?.value ?? []).toString();
  for (const broken of ['', '{}', value.replace('"open"', '"later"'), value.replace('"open"', '"used"')]) {
    await west.store.transact([{ type: 'put', key, value: Buffer.from(broken) }]);
    expect(await listed()).toEqual([]);
    await expect(east.joiner.plan(token)).rejects.toEqual(code('JOIN_DENIED'));
  }
});

function joinerOf(record: Invitation | undefined) {
  if (record?.joiner === undefined) throw new Error('nobody has taken it');
  return record.joiner;
}

// Two clusters and a token, over real TLS on loopback: what a join leaves on both sides, and every way in which it is refused.

import { request } from 'node:https';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCard } from '../../mesh/conflict/facts.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import { createAuthority } from '../../pki/authority.ts';
import { encodeToken, type JoinToken, parseToken } from '../../pki/join/token.ts';
import { spkiPins } from '../../pki/spki.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { leaf, nameOf, TestCluster } from '../../test/join/two-clusters.ts';
import { parsePeerSpec } from '../peers/peer-spec.ts';
import type { KeyValue } from '../store/port.ts';
import { openJoinSession } from './client.ts';
import { offerSchema, PATHS, planAnswerSchema } from './protocol.ts';
import { isRefusal } from './refusal.ts';

let west: TestCluster;
let east: TestCluster;
let more: TestCluster[];
beforeEach(async () => {
  west = await TestCluster.create({ name: 'west', id: 1 });
  east = await TestCluster.create({ name: 'east', id: 2 });
  more = [];
});
afterEach(async () => {
  for (const cluster of [west, east, ...more]) await cluster.remove();
});

async function another(name: string, id: number, podCIDRs?: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.create({ name, id, ...(podCIDRs === undefined ? {} : { podCIDRs }) });
  more.push(cluster);
  return cluster;
}

const TTL_MS = 15 * 60_000;
const invite = async (peer = 'east', ttlMs = TTL_MS) => (await west.inviter.invite(nameOf(peer), ttlMs)).token;

function changed(token: string, change: Partial<JoinToken>): string {
  const parsed = parseToken(token);
  if (!parsed.ok) throw new Error(parsed.error);
  return encodeToken({ ...parsed.value, ...change });
}

const code = (code: string) => expect.objectContaining({ code });

describe('a join', () => {
  test('leaves a peer document and a trust store of its own on each side', async () => {
    const issued = await west.inviter.invite(nameOf('east'), TTL_MS);
    const plan = await east.joiner.plan(issued.token);
    expect(plan).toMatchObject({
      state: 'planned',
      words: issued.words,
      blocked: false,
      peer: { name: 'west', id: 1 },
    });
    expect(await west.states()).toEqual(['open']);
    expect(await east.written()).toEqual({});

    expect(await east.joiner.join(issued.token)).toMatchObject({ state: 'joined' });
    expect(await west.states()).toEqual(['used']);
    for (const [self, peer] of [
      [west, east],
      [east, west],
    ] as const) {
      const written = await self.written();
      expect(Object.keys(written).sort()).toEqual([`peers/${peer.name}.yaml`, `trust/${peer.name}/ca.pem`]);
      expect(written[`trust/${peer.name}/ca.pem`]).toBe(peer.authority.certificate);
      const document = `${self.dir}/peers/${peer.name}.yaml`;
      expect(parsePeerSpec(document, written[`peers/${peer.name}.yaml`] ?? '')).toMatchObject({
        ok: true,
        value: {
          name: peer.name,
          endpoints: [`https://${peer.name}.example:2379`],
          ca: [`${self.dir}/trust/${peer.name}/ca.pem`],
        },
      });
    }
  });

  test('keeps nothing of the secret in etcd', async () => {
    const parsed = parseToken(await invite());
    if (!parsed.ok) throw new Error(parsed.error);
    const secret = Buffer.from(parsed.value.secret);
    for await (const { entries } of west.store.list('')) {
      for (const { value } of entries) {
        for (const text of [secret.toString('hex'), secret.toString('base64'), secret.toString('base64url')]) {
          expect(Buffer.from(value).toString()).not.toContain(text);
        }
      }
    }
  });

  test('is finished by running it again when it broke off behind the commit', async () => {
    const token = await invite();
    await east.joiner.join(token);
    // East lost what it wrote, and west has east as a peer by now.
    await east.files.remove(west.name);
    west.members.set(east.name, { name: east.name, card: readCard(encodeCard(east.card)), records: new Map() });
    const before = await west.written();
    expect(await east.joiner.join(token)).toMatchObject({ state: 'joined' });
    expect(await west.written()).toEqual(before);
    expect(Object.keys(await east.written())).toHaveLength(2);
  });

  test('leaves with exactly what it wrote', async () => {
    await east.joiner.join(await invite());
    const bystander = await another('north', 3);
    await east.joiner.join((await bystander.inviter.invite(east.name, TTL_MS)).token);
    await east.files.remove(west.name);
    expect(Object.keys(await east.written()).sort()).toEqual(['peers/north.yaml', 'trust/north/ca.pem']);
    await expect(east.files.remove(west.name)).rejects.toEqual(code('JOIN_BY_HAND'));
  });

  test('of several with one token has one winner', async () => {
    const token = await invite();
    // A thief has the token, and takes the name and uid of east; its keys are its own.
    const thief = await TestCluster.create({ name: 'east', id: 2 });
    more.push(thief);
    const outcomes = await Promise.allSettled([east, thief, east, thief].map(({ joiner }) => joiner.join(token)));
    const won = [east, thief].filter((_, index) =>
      [outcomes[index], outcomes[index + 2]].some((each) => each?.status === 'fulfilled'),
    );
    expect(won).toHaveLength(1);
    expect((await west.written())['trust/east/ca.pem']).toBe(won[0]?.authority.certificate);
    const [loser] = [east, thief].filter((each) => each !== won[0]);
    expect(Object.keys((await loser?.written()) ?? {})).toEqual([]);
    await expect(loser?.joiner.join(token)).rejects.toEqual(code('JOIN_USED'));
  });
});

describe('a join is refused', () => {
  test('for conflicts, on both sides alike, and uses nothing up', async () => {
    const rogue = await another('rogue', 4, ['10.1.128.0/17']);
    const { token } = await west.inviter.invite(rogue.name, TTL_MS);
    const plan = await rogue.joiner.plan(token);
    expect(plan.blocked).toBe(true);
    const fingerprints = (findings: readonly { readonly code: string; readonly fingerprint: string }[]) =>
      findings.map((finding) => `${finding.code} ${finding.fingerprint}`);
    expect(fingerprints(plan.findings.here)).toEqual(fingerprints(plan.findings.there));
    expect(plan.findings.here).toContainEqual(expect.objectContaining({ code: 'CM-CIDR-001', severity: 'blocking' }));
    await expect(rogue.joiner.join(token)).rejects.toEqual(code('JOIN_CONFLICTS'));
    expect(await west.states()).toEqual(['open']);
    expect([await west.written(), await rogue.written()]).toEqual([{}, {}]);
  });

  test('for a conflict with a cluster that only the other side knows', async () => {
    const north = await another('north', 3, ['10.2.0.0/16']);
    west.members.set(north.name, { name: north.name, card: readCard(encodeCard(north.card)), records: new Map() });
    const error = await east.joiner.join(await invite()).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'JOIN_CONFLICTS', findings: [{ code: 'CM-CIDR-001' }] });
  });

  test('for a conflict with a cluster that is joining at the same time', async () => {
    const twin = await another('twin', 7, ['10.2.0.0/16']);
    const tokens = [await invite(), (await west.inviter.invite(twin.name, TTL_MS)).token];
    const outcomes = await Promise.allSettled([east.joiner.join(tokens[0] ?? ''), twin.joiner.join(tokens[1] ?? '')]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'JOIN_CONFLICTS' } });
  });

  test('for the same cluster id', async () => {
    const twin = await another('twin', 1, ['10.9.0.0/16']);
    const { token } = await west.inviter.invite(twin.name, TTL_MS);
    const error = await twin.joiner.join(token).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'JOIN_CONFLICTS' });
    expect((error as { findings: unknown[] }).findings).toContainEqual(expect.objectContaining({ code: 'CM-ID-001' }));
  });

  test('when the invitation has expired, by the clock of who made it', async () => {
    const token = await invite('east', 60_000);
    west.clock.offsetMs = 120_000;
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_EXPIRED'));
  });

  test('when the clocks differ too much', async () => {
    const token = await invite();
    east.clock.offsetMs = 10 * 60_000;
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_CLOCK'));
    expect(await west.states()).toEqual(['open']);
  });

  test('when another cluster has used the token', async () => {
    const token = await invite();
    await east.joiner.join(token);
    const thief = await TestCluster.create({ name: 'east', id: 2 });
    more.push(thief);
    await expect(thief.joiner.join(token)).rejects.toEqual(code('JOIN_USED'));
    expect((await west.written())['trust/east/ca.pem']).toBe(east.authority.certificate);
  });

  test('when the inviter does not know the token, or the secret is another: with one answer', async () => {
    const token = await invite();
    const other = changed(token, { secret: Buffer.alloc(16, 1) });
    const unknown = changed(token, { invitation: Buffer.alloc(8, 1) });
    const errors = await Promise.all(
      [other, unknown].map((text) => east.joiner.join(text).catch((error: Error) => error)),
    );
    expect(errors).toEqual([code('JOIN_DENIED'), code('JOIN_DENIED')]);
    expect(new Set(errors.map((error) => (error as Error).message)).size).toBe(1);
  });

  test('after a few attempts without the secret, for a while', async () => {
    const token = await invite();
    const wrong = changed(token, { secret: Buffer.alloc(16, 1) });
    for (let attempt = 0; attempt < 10; attempt += 1) await east.joiner.plan(wrong).catch(() => {});
    await expect(east.joiner.plan(token)).rejects.toThrow('no more attempts');
  });

  test('when whoever answers has other keys', async () => {
    const stranger = await createAuthority({ cluster: west.name, now: Date.now(), days: 1 });
    const token = changed(await invite(), { pins: spkiPins([stranger.certificate]) });
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_WRONG_PIN'));
  });

  test('when the pinned authority vouches for another cluster than the token names', async () => {
    const token = changed(await invite(), { cluster: nameOf('south') });
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_WRONG_PIN'));
  });

  test('when nobody answers', async () => {
    const token = changed(await invite(), { endpoints: ['127.0.0.1:1'] });
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_UNREACHABLE'));
  });

  test('when it is the own token, for somebody else, or no token', async () => {
    const token = await invite();
    await expect(west.joiner.join(token)).rejects.toEqual(code('JOIN_OWN_TOKEN'));
    const north = await another('north', 3);
    await expect(north.joiner.join(token)).rejects.toEqual(code('JOIN_WRONG_PEER'));
    await expect(east.joiner.join('cm1.hello')).rejects.toEqual(code('JOIN_TOKEN'));
  });

  test('by the inviter, when a joiner claims the name of another', async () => {
    const token = await invite('north');
    // Its own program would refuse; this one does not.
    const session = await openJoinSession({
      token: read(token),
      pair: east.pair,
      randomBytes: (size) => Buffer.alloc(size, 7),
    });
    const body = Buffer.from(JSON.stringify(east.own.offer()));
    await expect(session.ask(PATHS.plan, body, planAnswerSchema)).rejects.toEqual(code('JOIN_WRONG_PEER'));
    session.close();
  });

  test('when the certificate that the joiner shows is not of the authority that it brings', async () => {
    const token = await invite();
    const other = await createAuthority({ cluster: east.name, now: Date.now(), days: 1 });
    east.pair = await leaf(other, 'peer');
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_TRUST'));
    expect(await west.states()).toEqual(['open']);
  });

  test('for the moment, when the inviter cannot reach its etcd', async () => {
    const token = await invite();
    west.store.fail();
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_NOT_READY'));
  });

  test('when the clusters are connected already', async () => {
    const token = await invite();
    const card = (cluster: TestCluster) => ({
      name: cluster.name,
      card: readCard(encodeCard(cluster.card)),
      records: new Map(),
    });
    west.members.set(east.name, card(east));
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_ALREADY_PEER'));
    await expect(invite()).rejects.toEqual(code('JOIN_ALREADY_PEER'));
    east.members.set(west.name, card(west));
    await expect(east.joiner.join(token)).rejects.toEqual(code('JOIN_ALREADY_PEER'));
  });

  test('at the invitation, when nobody could come', async () => {
    west.advertise.push('127.0.0.1:1');
    await expect(invite()).rejects.toEqual(code('JOIN_UNREACHABLE'));
    expect(await west.states()).toEqual([]);
  });
});

test('offers with flipped bits are read, or refused, and harm nobody', () => {
  const offer = east.own.offer();
  const body = Buffer.from(JSON.stringify({ ...offer, card: JSON.parse(offer.card) }));
  const chain = certificatesOf(east.pair.certificate);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 3 }), (flips) => {
      const flipped = Buffer.from(body);
      for (const [at, bit] of flips) flipped[at % body.length] = (flipped[at % body.length] ?? 0) ^ (1 << bit);
      try {
        const { card, ...rest } = JSON.parse(flipped.toString()) as { card: unknown };
        const parsed = offerSchema.safeParse({ ...rest, card: JSON.stringify(card) });
        if (parsed.success) west.own.plan(west.own.read(parsed.data, chain, 'peer'));
      } catch (error) {
        expect(error instanceof SyntaxError || isRefusal(error)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('what the other side says cannot steer a terminal', async () => {
  const loud = await another('loud', 9);
  const card = { ...loud.card, versions: { software: '\u001b[2J1.0', protocol: 1 }, podCIDRs: ['10.9.0.0/16\u0007'] };
  loud.entries.set('clustermesh/v1/cards/loud', {
    ...loud.entries.get('clustermesh/v1/cards/loud'),
    value: encodeCard(card),
  } as KeyValue);
  const plan = await east.joiner.plan((await loud.inviter.invite(east.name, TTL_MS)).token);
  expect(JSON.stringify(plan)).not.toMatch(/\\u00(1b|07)/);
  expect(plan.peer.software).toBe('\\u{1b}[2J1.0');
});

test('a request cannot be replayed over another connection, or changed on its way', async () => {
  const token = read(await invite());
  const session = await openJoinSession({ token, pair: east.pair, randomBytes: (size) => Buffer.alloc(size, 7) });
  const body = Buffer.from(JSON.stringify(east.own.offer()));
  await session.ask(PATHS.plan, body, planAnswerSchema);
  session.close();
  // The same proof, shown by whoever has another key: the thief knows everything that was sent.
  const stolen = await leaf(east.authority, 'peer');
  const other = await openJoinSession({
    token: { ...token, secret: Buffer.alloc(16) },
    pair: stolen,
    randomBytes: (size) => Buffer.alloc(size, 7),
  });
  await expect(other.ask(PATHS.plan, body, planAnswerSchema)).rejects.toEqual(code('JOIN_DENIED'));
  other.close();
});

test('the listener says nothing to strangers, whatever they send', async () => {
  await invite();
  const answers = new Set<string>();
  for (const [method, path, body] of [
    ['POST', PATHS.plan, '{}'],
    ['POST', PATHS.commit, 'x'.repeat(100)],
    ['POST', PATHS.prepare, ''],
  ] as const) {
    answers.add(await ask(method, path, body));
  }
  expect([...answers]).toEqual([expect.stringMatching(/^401 .*token was not accepted/)]);
  expect(await ask('GET', '/v1/status', '')).toMatch(/^404/);
  expect(await ask('POST', PATHS.hello, 'x'.repeat(4_000))).toMatch(/^404/);
});

function read(text: string): JoinToken {
  const parsed = parseToken(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function ask(method: string, path: string, body: string): Promise<string> {
  const [port] = (west.advertise[0] ?? '').split(':').slice(-1);
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, rejectUnauthorized: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += String(chunk);
      });
      response.on('end', () => resolve(`${response.statusCode} ${text}`));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

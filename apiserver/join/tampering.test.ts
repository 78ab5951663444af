// A request that proves the secret, with any bit of it flipped on its way: the card in it, the offer around it, the nonces, the proof. It gets
// the answer of a stranger and leaves the invitation as it was.

import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestProof, verifierOf } from '../../pki/join/proof.ts';
import { parseToken } from '../../pki/join/token.ts';
import { spkiPin } from '../../pki/spki.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { TestCluster } from '../../test/join/two-clusters.ts';
import type { SignedRequest } from './inviter.ts';
import { PATHS } from './protocol.ts';

let west: TestCluster;
let east: TestCluster;
let sound: SignedRequest;
beforeAll(async () => {
  west = await TestCluster.create({ name: 'west', id: 1 });
  east = await TestCluster.create({ name: 'east', id: 2 });
  const token = parseToken((await west.inviter.invite(east.name, 15 * 60_000)).token);
  if (!token.ok) throw new Error(token.error);
  const { invitation, secret } = token.value;
  const nonceJoiner = Buffer.alloc(32, 7);
  const nonceInviter = Buffer.from(west.inviter.hello(nonceJoiner).nonce, 'base64url');
  const server = new X509Certificate(west.authority.certificate);
  const client = certificatesOf(east.pair.certificate);
  const body = Buffer.from(JSON.stringify(east.own.offer()));
  const path = PATHS.prepare;
  const proof = requestProof(verifierOf(secret, invitation), {
    ...{ invitation, nonceJoiner, nonceInviter, path, body },
    inviterKey: spkiPin(server),
    joinerKey: spkiPin(client[0] ?? server),
  });
  const credentials = { invitation, nonceInviter, nonceJoiner, proof };
  sound = { path, credentials, body, server, client, address: 'joiner' };
});
afterAll(async () => {
  for (const cluster of [west, east]) await cluster.remove();
});

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = (bit >> 3) % copy.length;
  copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

const PARTS = ['invitation', 'nonceInviter', 'nonceJoiner', 'proof'] as const;
let senders = 0;
/** Attempts are limited by address. */
const send = (change: Partial<SignedRequest>) =>
  west.inviter.answer({ ...sound, ...change, address: `stranger ${++senders}` });

test('is refused like any stranger, whichever bit it is, and uses nothing up', { timeout: 60_000 }, async () => {
  const { status: strangers, body: told } = await send({ credentials: undefined });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('body', ...PARTS), fc.nat({ max: 1 << 20 }), async (part, bit) => {
      const { credentials, body } = sound;
      if (credentials === undefined) throw new Error('no credentials');
      const change =
        part === 'body'
          ? { body: flipped(body, bit) }
          : { credentials: { ...credentials, [part]: flipped(credentials[part], bit) } };
      const answer = await send(change);
      expect(answer).toEqual({ status: strangers, body: told });
    }),
    { numRuns: 500 },
  );
  expect(await west.states()).toEqual(['open']);
  // As it was sent it is taken: it was not for something else that the others were refused.
  expect(await send({})).toMatchObject({ status: 200 });
  expect(await west.states()).toEqual(['prepared']);
});

test('is refused for another path, and over a connection with another key on either side', async () => {
  const another = new X509Certificate(east.authority.certificate);
  for (const change of [{ path: PATHS.commit }, { server: another }, { client: [another] }, { client: [] }]) {
    expect((await send(change)).status).toBe(401);
  }
});

import { expect, test } from 'vitest';
import type { ClusterName } from '../../mesh/model/names.ts';
import { authority, certify, DAY, NOW, SERVER } from '../../test/samples/certificates.ts';
import { SeenDoor } from './seen-door.ts';

const [WEST, EAST] = ['west' as ClusterName, 'east' as ClusterName];

async function seenDoor(to: number) {
  const issuer = await authority({ name: 'east root' });
  const uris = ['spiffe://east.clustermesh/apiserver'];
  const { pem } = await certify({ name: 'door.east', issuer, extended: [SERVER], uris, from: NOW - DAY, to });
  const door = new SeenDoor({ cluster: EAST, local: WEST, now: NOW, chain: pem }, { ca: issuer.pem, plain: false });
  const known = { ca: issuer.pem, plain: false, admittedPins: [], currentPins: [] };
  return { door, known, judged: (now: number) => door.judged(known, now) };
}

test('a chain without a fault is verified again when time can change that, and not before', async () => {
  const to = NOW + 29 * DAY;
  const { judged } = await seenDoor(to);
  const sound = judged(NOW);
  expect(sound.findings).toEqual([]);
  expect(judged(NOW + 20 * DAY)).toBe(sound);
  expect(judged(to - DAY).findings).toMatchObject([{ code: 'CM-TRUST-005' }]);
  expect(judged(to).findings).toMatchObject([{ code: 'CM-TRUST-004' }]);
  // A clock that was set back.
  expect(judged(NOW).findings).toEqual([]);
});

test('what is wrong is told anew after a minute: it says for how long', async () => {
  const { judged } = await seenDoor(NOW - 1_000);
  const faulty = judged(NOW);
  expect(faulty.findings).toMatchObject([{ code: 'CM-TRUST-004' }]);
  expect(judged(NOW + 59_000)).toBe(faulty);
  expect(judged(NOW + 61_000)).not.toBe(faulty);
});

test('what becomes known of the peer is judged at once', async () => {
  const { door, known } = await seenDoor(NOW + 29 * DAY);
  expect(door.judged(known, NOW).remembered).toBe(false);
  expect(door.judged({ ...known, admittedPins: ['sha256:other'] }, NOW).remembered).toBe(true);
});

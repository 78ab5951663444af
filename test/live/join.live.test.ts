// Joining as administrators do it, with the built command and real API servers on loopback. Needs etcd, and `npm run build` before.

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { InvitationsDocument } from '../../apiserver/join/invitations-document.ts';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { invite, joinWith } from '../../lab/joining.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { parseToken } from '../../pki/join/token.ts';
import { systemClock } from '../../runtime/clock.ts';
import { remove, spec } from './mesh-of.ts';

const LIVE_WITHIN_MS = 20_000;

describe.skipIf(skippedWithout('etcd'))('two administrators and a line of text', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  beforeAll(async () => {
    await mesh.open();
    const specs = [spec('west', 1), spec('east', 2)].map((each) => ({ ...each, nodes: [] }));
    await mesh.addClusters(specs, new AbortController().signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
  });
  afterAll(() => remove(mesh));

  const cli = (cluster: LabCluster, ...args: readonly string[]) => runCli(cluster.apiServer.socket, args);
  const peersLive = (cluster: LabCluster) =>
    vi.waitFor(async () => expect((await cli(cluster, 'peers')).status).toBe(0), {
      timeout: LIVE_WITHIN_MS,
      interval: 200,
    });

  // Twenty commands, each of which starts a process.
  test('invite, look, join, see, leave, and join again', { timeout: 180_000 }, async () => {
    const { token, words } = await invite(west, east, systemClock);
    // Nobody sits at a terminal: it shows the plan and changes nothing.
    const looked = await cli(east, 'join', token);
    expect(looked).toMatchObject({ status: 1, stdout: expect.stringContaining(words) });
    expect(looked.stdout).toContain('pods       10.1.0.0/16');
    expect((await east.status()).peers).toEqual([]);

    expect(await joinWith(east, token, systemClock)).toEqual({ joined: true, words });
    for (const cluster of [west, east]) await peersLive(cluster);
    const { stdout } = await cli(west, 'peers', '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({
      cluster: 'west',
      peers: [
        {
          name: 'east',
          outbound: { phase: 'live', synced: true },
          inbound: { connected: true },
          trust: { authorities: [{ spki_pin: expect.stringMatching(/^sha256\//) }], problem: null },
        },
      ],
    });

    expect(await cli(east, 'join', token, '--yes')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[JOIN_ALREADY_PEER]'),
    });
    expect(await cli(west, 'invite', '--peer', 'east')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[JOIN_ALREADY_PEER]'),
    });

    for (const [cluster, peer] of [
      [west, 'east'],
      [east, 'west'],
    ] as const) {
      expect(await cli(cluster, 'leave', peer)).toMatchObject({ status: 1, stderr: expect.stringContaining('--yes') });
      expect((await cli(cluster, 'leave', peer, '--yes')).status).toBe(0);
      await vi.waitFor(async () => expect((await cluster.status()).peers).toEqual([]), { timeout: LIVE_WITHIN_MS });
    }
    // What was used for a peer that left is forgotten: it brings nobody back.
    expect(await cli(east, 'join', token, '--yes')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[JOIN_DENIED]'),
    });
    const again = await invite(east, west, systemClock);
    const second = await invite(east, west, systemClock);
    const listed = await cli(east, 'invite', '--list', '-o', 'json');
    const { invitations } = JSON.parse(listed.stdout) as InvitationsDocument;
    expect(invitations.map(({ peer, state }) => ({ peer, state }))).toEqual([
      { peer: 'west', state: 'open' },
      { peer: 'west', state: 'open' },
    ]);
    const { id } = read(second.token);
    expect((await cli(east, 'invite', '--revoke', id)).status).toBe(0);
    expect(await cli(west, 'join', second.token, '--yes')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[JOIN_WITHDRAWN]'),
    });
    expect(await joinWith(west, again.token, systemClock)).toEqual({ joined: true, words: again.words });
    expect(await cli(east, 'invite', '--revoke', read(again.token).id)).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(/\[JOIN_INVITATION_USED\].*clustermesh leave/),
    });
  });
});

function read(token: string) {
  const parsed = parseToken(token);
  if (!parsed.ok) throw new Error(parsed.error);
  return { id: Buffer.from(parsed.value.invitation).toString('hex') };
}

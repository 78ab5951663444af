// Given two clusters, of which east watches at the door of west, when west revokes east, then the stream ends at once, east is not let
// in again, and nothing of it is left in west: neither in its etcd nor for its agents. Neither its old document nor a join brings it
// back. Needs etcd, and `npm run build` before.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdWire } from '../../apiserver/store/etcd-wire.ts';
import { runCli } from '../../lab/cli.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import { systemClock } from '../../runtime/clock.ts';
import { etcdctl } from './etcdctl.ts';
import { remove, SERVICE, spec } from './mesh-of.ts';

const WITHIN = { timeout: 20_000, interval: 100 };
/** A command that starts and asks included; watches that are open are judged by themselves only every five seconds. */
const AT_ONCE_MS = 3_000;

describe.skipIf(skippedWithout('etcd'))('a peer that is revoked', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let east: LabCluster;
  let client: Client;
  beforeAll(async () => {
    await mesh.open();
    const signal = new AbortController().signal;
    await mesh.addClusters([spec('west', 1), spec('east', 2)], signal);
    [west, east] = [mesh.cluster('west'), mesh.cluster('east')];
    await mesh.startAgents([west], signal);
    await mesh.joinAll([west, east]);
    for (const cluster of [west, east]) {
      const [node] = cluster.nodes;
      const service = cluster.addService(SERVICE);
      if (node !== undefined) service.announce(await service.startBackend(node.at));
    }
    client = await doorClient();
  }, 120_000);
  afterAll(async () => {
    client?.close();
    await remove(mesh);
  }, 60_000);

  const cli = (...args: readonly string[]) => runCli(west.apiServer.socket, args);

  /** What east's API server is, as far as the door of west can tell. */
  async function doorClient(): Promise<Client> {
    const { cert, key } = east.layout.leaf('peer');
    const [ca, shown, secret] = await Promise.all(
      [west.layout.authority.cert, cert, key].map((path) => readFile(path)),
    );
    const [server] = west.places.control.servers;
    return new Client(`${west.places.control.address}:${server?.door}`, credentials.createSsl(ca, secret, shown), {
      'grpc.ssl_target_name_override': 'west.mesh.cilium.io',
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Resolves with when and how the stream ended. */
  async function openWatch() {
    const { path, requestSerialize, responseDeserialize } = EtcdWire.watch;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    const ended = new Promise<{ readonly at: number; readonly why: ServiceError }>((resolve) =>
      call.once('error', (why) => resolve({ at: systemClock.monotonic(), why: why as ServiceError })),
    );
    const created = new Promise<void>((resolve) => call.once('data', () => resolve()));
    call.write({
      createRequest: { key: Buffer.from('cilium/state/'), rangeEnd: Buffer.from('cilium/state0') },
    } as Parameters<typeof call.write>[0]);
    await Promise.race([created, ended.then(({ why }) => Promise.reject(why))]);
    return { ended };
  }

  async function inWest() {
    const keys = (await etcdctl(west, ['get', '--prefix', 'cilium/', '--keys-only'])).split('\n');
    const [agent] = (await west.status()).agents;
    const [service] = (await west.services()).services;
    return {
      east: keys.filter((key) => key.includes('/east')).length > 0,
      agent: agent?.backends,
      clusters: Object.keys(service?.backends_by_cluster ?? {}).sort(),
    };
  }

  test('is sent away at once, leaves nothing behind, and stays away', { timeout: 90_000 }, async () => {
    await vi.waitFor(
      async () => expect(await inWest()).toEqual({ east: true, agent: 2, clusters: ['east', 'west'] }),
      WITHIN,
    );
    const document = join(west.folder.peers, 'east.yaml');
    const before = await readFile(document, 'utf8');
    let open = true;
    const stream = (await openWatch()).ended.then((end) => {
      open = false;
      return end;
    });

    expect(await cli('trust', 'revoke', 'east', '--dry-run')).toMatchObject({ status: 0 });
    expect(await cli('trust', 'revoke', 'east')).toMatchObject({ status: 1, stderr: expect.stringContaining('--yes') });
    expect(open).toBe(true);

    const begun = systemClock.monotonic();
    const revoked = await cli('trust', 'revoke', 'east', '--yes', '-o', 'json');
    expect(JSON.parse(revoked.stdout)).toMatchObject({ state: 'revoked', changed: true });
    const { at, why } = await stream;
    expect(at - begun).toBeLessThan(AT_ONCE_MS);
    expect(why.message).toMatch(/PERMISSION_DENIED|UNAVAILABLE/);

    client.close();
    client = await doorClient();
    await expect(openWatch()).rejects.toThrow(/UNAVAILABLE|PERMISSION_DENIED/);
    await vi.waitFor(async () => expect(await inWest()).toEqual({ east: false, agent: 1, clusters: ['west'] }), WITHIN);

    // The old document is copied back, and nothing follows from it but a word about it.
    await writeFile(document, before);
    await vi.waitFor(
      async () =>
        expect((await west.status()).source.problems).toMatchObject([{ file: document, code: 'PEER_DOCUMENT' }]),
      WITHIN,
    );
    expect(await inWest()).toMatchObject({ east: false, clusters: ['west'] });
    expect(JSON.parse((await cli('peers', '-o', 'json')).stdout)).toMatchObject({ peers: [], revoked: ['east'] });
    expect(await cli('invite', '--peer', 'east')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('[JOIN_REVOKED]'),
    });
    const again = await cli('trust', 'revoke', 'east', '--yes', '-o', 'json');
    expect(JSON.parse(again.stdout)).toMatchObject({ state: 'revoked', changed: false });
  });
});

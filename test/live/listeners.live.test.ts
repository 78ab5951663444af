// Given a running API server and its etcd, when somebody comes to any of their listeners without a certificate, with one of another
// authority, or with one for something else, then nothing is told; and the one who is meant is answered. Real handshakes with real
// programs on loopback. Needs etcd, and `npm run build` before.

import { readFile } from 'node:fs/promises';
import { connect, constants } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LabCluster } from '../../lab/cluster.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { LabMesh } from '../../lab/mesh.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Pair } from '../../pki/files.ts';
import { initCluster } from '../../pki/init.ts';
import { type ClusterLayout, clusterLayout } from '../../pki/layout.ts';
import { systemClock } from '../../runtime/clock.ts';
import { remove, spec } from './mesh-of.ts';

/** Whose certificate is shown, by the folder in which it stands. */
type Shown = Parameters<ClusterLayout['leaf']>[0] | 'agent' | 'none';

interface Listener {
  readonly name: 'etcd' | 'door' | 'rpc' | 'http';
  /** Who is answered. */
  readonly meant: readonly Shown[];
  /** What is called; absent: HTTP. */
  readonly call?: { readonly method: string; readonly message: Uint8Array };
}

const READ = { method: '/etcdserverpb.KV/Range', message: new Uint8Array() };
const NODE = 'west-1';
/** As the node that its certificate names: field 1 of a FollowAddressesRequest. */
const FOLLOW = {
  method: '/clustermesh.v1.Mesh/FollowAddresses',
  message: Uint8Array.of(0x0a, NODE.length, ...Buffer.from(NODE)),
};
const LISTENERS: readonly Listener[] = [
  { name: 'etcd', meant: ['etcd-client'], call: READ },
  { name: 'door', meant: ['admin', 'agent'], call: READ },
  { name: 'rpc', meant: ['agent'], call: FOLLOW },
  { name: 'http', meant: ['admin', 'etcd-client', 'metrics'] },
];
const CLIENTS: readonly Shown[] = ['admin', 'metrics', 'agent', 'peer', 'etcd-client'];
/** They are for servers: TLS lets nobody show them. */
const SERVERS: readonly Shown[] = ['door', 'rpc', 'http', 'etcd-server'];

describe.skipIf(skippedWithout('etcd'))('a listener', () => {
  const mesh = new LabMesh({ datapath: 'memory', clock: systemClock });
  let west: LabCluster;
  let stranger: ClusterLayout;
  beforeAll(async () => {
    await mesh.open();
    [west = mesh.cluster('west')] = await mesh.addClusters([spec('west', 1)], new AbortController().signal);
    // The same names, and another authority.
    const made = await initCluster({
      dir: join(mesh.dir, 'stranger'),
      cluster: 'west' as ClusterName,
      nodes: [NODE],
      addresses: { etcd: [], door: [], rpc: [] },
      now: Date.now(),
    });
    stranger = made.layout;
  }, 60_000);
  afterAll(() => remove(mesh));

  const placeOf = (shown: Exclude<Shown, 'none'>, layout: ClusterLayout): Pair =>
    shown === 'agent' ? layout.agent(NODE) : layout.leaf(shown);

  /** `answered`, `denied` by what speaks behind TLS, or `cut off`. */
  async function ask({ name, call: called }: Listener, shown: Shown, layout = clusterLayout(west.folder.pki)) {
    const { etcdPort, servers } = west.places.control;
    const port = name === 'etcd' ? etcdPort : servers[0]?.[name];
    const pair = shown === 'none' ? undefined : placeOf(shown, layout);
    const tls = {
      ca: await readFile(west.layout.authority.cert),
      ...(pair === undefined ? {} : { cert: await readFile(pair.cert), key: await readFile(pair.key) }),
      // Whether the client takes the server is for other tests.
      checkServerIdentity: () => undefined,
    };
    return called === undefined ? askHttp(`https://127.0.0.1:${port}/metrics`, tls) : call(port, called, tls);
  }

  const cases = LISTENERS.map((listener) => [listener.name, listener] as const);

  test.each(cases)(
    'of %s tells nothing to who shows no certificate, or one of another authority',
    async (_, listener) => {
      expect(await ask(listener, 'none')).toBe('cut off');
      for (const shown of [...CLIENTS, ...SERVERS]) {
        expect([shown, await ask(listener, shown, stranger)]).toEqual([shown, 'cut off']);
      }
    },
  );

  test.each(cases)('of %s answers those who are meant, and nobody else of the same authority', async (_, listener) => {
    for (const shown of CLIENTS) {
      const answer = await ask(listener, shown);
      if (listener.meant.includes(shown)) expect([shown, answer]).toEqual([shown, 'answered']);
      else expect([shown, answer]).toEqual([shown, expect.stringMatching(/^(denied|cut off)$/)]);
    }
    for (const shown of SERVERS) expect([shown, await ask(listener, shown)]).toEqual([shown, 'cut off']);
  });

  test('of joins takes every certificate, and tells nothing to who does not prove the secret of a token', async () => {
    const url = `https://127.0.0.1:${west.places.control.servers[0]?.join}/join/v1/plan`;
    const { cert, key } = stranger.leaf('peer');
    const tls = { cert: await readFile(cert), key: await readFile(key), rejectUnauthorized: false };
    for (const shown of [tls, { rejectUnauthorized: false }]) {
      expect(await askHttp(url, { ...shown, method: 'POST' })).toBe('denied');
    }
  });
});

type Answer = 'answered' | 'denied' | 'cut off';

const askHttp = (url: string, options: object): Promise<Answer> =>
  new Promise((resolve) => {
    request(url, { agent: false, ...options }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 0) < 400 ? 'answered' : 'denied');
    })
      .on('error', () => resolve('cut off'))
      .end();
  });

/** Of gRPC: what the message is wrong about is for who may ask at all. */
const NOT_ALLOWED = ['7', '16'];

function call(
  port: number | undefined,
  { method, message }: NonNullable<Listener['call']>,
  options: object,
): Promise<Answer> {
  return new Promise((resolve) => {
    const session = connect(`https://127.0.0.1:${port}`, options);
    const settle = (answer: Answer) => {
      resolve(answer);
      session.destroy();
    };
    session.on('error', () => settle('cut off')).on('close', () => settle('cut off'));
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: method,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const judge = (headers: object) => {
      const status = 'grpc-status' in headers ? String(headers['grpc-status']) : undefined;
      if (status !== undefined) settle(NOT_ALLOWED.includes(status) ? 'denied' : 'answered');
    };
    stream.on('error', () => settle('cut off'));
    stream
      .on('response', judge)
      .on('trailers', judge)
      .on('data', () => settle('answered'));
    // Not compressed, and how long.
    stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]));
  });
}

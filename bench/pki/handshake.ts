// Mutual TLS 1.3 on loopback, one connection after the other: with the real door, with a bare server of node:tls or node:http2 and the same
// certificates, and with the `openssl` command on both sides. To the first octet that the server sends when it has taken our
// certificate; and to the first answer, for which the door also judges who asks.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { connect, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { createDoor, type Door } from '../../apiserver/door/server.ts';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import { CLUSTER, openssl, type PkiSample } from './sample.ts';
import { type Operation, timed, type Way } from './way.ts';

export interface HandshakeSize {
  readonly handshakes: number;
  /** For how long the command connects, whole seconds. */
  readonly commandSeconds: number;
}

const STATUS = '/etcdserverpb.Maintenance/Status';
/** A gRPC message without fields. */
const NOTHING = Buffer.alloc(5);
const LISTENING_WITHIN_MS = 10_000;

export async function handshakeOperations(sample: PkiSample, size: HandshakeSize): Promise<readonly Operation[]> {
  const [door] = sample.doors;
  if (door === undefined) throw new Error('no certificate for a door');
  const served = { cert: door.certificate, key: door.key, ca: sample.root, requestCert: true };
  const shown = { cert: sample.peer.certificate, key: sample.peer.key, ca: sample.root };
  const ours = await openDoor(sample);
  const bare = createTlsServer({ ...served, rejectUnauthorized: true }, (socket) => {
    socket.on('error', () => {});
    socket.write('.');
  });
  const http2 = createSecureServer({ ...served, rejectUnauthorized: true });
  http2.on('stream', (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end(NOTHING);
  });
  const [barePort, http2Port] = [await listen(bare), await listen(http2 as unknown as Server)];
  const command = await startCommand(sample);

  const greet = (port: number, ALPNProtocols: string[]) => async () => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ...shown, ALPNProtocols });
    await once(socket, 'data');
    socket.destroy();
  };
  const ask = (port: number) => async () => {
    const session = connectHttp2(`https://127.0.0.1:${port}`, shown);
    const stream = session.request({
      ':method': 'POST',
      ':path': STATUS,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(NOTHING);
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    await once(stream, 'end');
    session.destroy();
    if (size < NOTHING.length) throw new Error('the question was not answered');
  };
  const way = (name: string, work: () => Promise<void>): Way => ({ name, round: () => timed(size.handshakes, work) });
  const close = async () => {
    await ours.door.stop();
    for (const server of [bare, http2]) server.close();
    command.process.kill('SIGKILL');
  };
  return [
    {
      name: 'handshake',
      ways: [
        way('clustermesh, the door', greet(ours.port, ['h2'])),
        way('node:tls', greet(barePort, [])),
        {
          name: 'openssl s_server and s_time',
          round: () => commandRound(sample, command.port, size.commandSeconds),
        },
      ],
      close: async () => {},
    },
    {
      name: 'handshake to the first answer',
      ways: [way('clustermesh, the door', ask(ours.port)), way('node:http2', ask(http2Port))],
      close,
    },
  ];
}

async function openDoor({
  root,
  authority,
  doors: [pair],
}: PkiSample): Promise<{ readonly door: Door; readonly port: number }> {
  const source = new CertificateSource({ certificate: pair?.certificate ?? '', key: pair?.key ?? '', ca: root });
  const door = createDoor({
    cluster: 'east' as ClusterName,
    // The client is what it is to a door: a peer, by the store that is bound to its name.
    trust: { own: [], storeOf: (cluster) => (cluster === CLUSTER ? [root, authority.certificate] : undefined) },
    credentials: serverCredentials(source),
    listen: '127.0.0.1:0',
    clock: systemClock,
    log: silentLog,
  });
  // An etcd with nothing in it, which has been read.
  const position = { storeId: '00000000000000bc', revision: 1 as Revision };
  door.observer.onBatch({ position, events: [], relisted: true });
  return { door, port: await door.start() };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function startCommand({ files }: PkiSample): Promise<{ readonly process: ChildProcess; readonly port: number }> {
  const free = createTcpServer();
  const port = await listen(free);
  free.close();
  const process = spawn(
    'openssl',
    [
      ...['s_server', '-accept', `127.0.0.1:${port}`, '-quiet', '-tls1_3', '-cert', files.door.cert],
      ...['-key', files.door.key, '-cert_chain', files.intermediate, '-CAfile', files.root],
      ...['-Verify', '3', '-verify_return_error'],
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const until = performance.now() + LISTENING_WITHIN_MS;
  while (!(await answers(port))) {
    if (performance.now() > until) throw new Error('openssl s_server does not listen');
  }
  return { process, port };
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
    socket.once('secureConnect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });

/** The command counts whole seconds; how long it ran is measured here. */
async function commandRound({ files }: PkiSample, port: number, seconds: number): Promise<number> {
  let output = '';
  const elapsed = await timed(1, async () => {
    output = await openssl(
      ...['s_time', '-connect', `127.0.0.1:${port}`, '-new', '-time', `${seconds}`, '-tls1_3'],
      ...['-cert', files.peer.cert, '-key', files.peer.key, '-CAfile', files.root],
    );
  });
  const count = Number(/(\d+) connections in/.exec(output)?.[1]);
  if (!(count > 0)) throw new Error(`openssl s_time made no connection: ${output}`);
  return elapsed / count;
}

// A real etcd of one member for the demo, live tests and benchmarks. It keeps its ports and its data directory over a stop,
// a kill and a restart; `wipe` gives it an empty store on the same client port.

import { rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './free-port.ts';
import { answersOk } from './http.ts';
import { HOST, type Place } from './place.ts';
import { type LabProcess, type StartProcess, startProcess } from './process.ts';

/** Loading a data directory of a few hundred megabytes on a busy machine takes seconds. */
const READY_TIMEOUT_MS = 30_000;
/** Health is asked over a socket in the file system, which reaches into any network namespace. */
const METRICS_SOCKET = 'metrics:1';

export interface EtcdTls {
  /** Signs the clients' certificates; a client without one is refused. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** The DNS name that a client's certificate must carry, of all that the CA has signed. @default any */
  readonly clientDnsName?: string;
}

export interface LabEtcdOptions {
  /** An existing directory; data and log go into it. */
  readonly dir: string;
  readonly name?: string;
  readonly tls?: EtcdTls;
  /** The address that clients connect to. @default '127.0.0.1' */
  readonly host?: string;
  /** @default a free port */
  readonly clientPort?: number;
  /** Automatic progress of idle watches. @default '10m', as etcd's */
  readonly progressInterval?: string;
  /** Leaves out fsync: for tests, where a crash of the machine does not matter (a crash of etcd loses nothing). @default false */
  readonly withoutFsync?: boolean;
  readonly extraArgs?: readonly string[];
  /** @default the host */
  readonly place?: Place;
  /** @default startProcess */
  readonly start?: StartProcess;
}

export interface LabEtcd {
  /** `host:port`, for openEtcd. */
  readonly endpoints: readonly string[];
  /** Of the process that runs now. */
  readonly pid: number;
  readonly logFile: string;
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts again on the same data and ports; stops first when running. */
  restart(): Promise<void>;
  /** Ends it, drops the data and starts an empty etcd, with another cluster id unless told otherwise. */
  wipe(options?: { readonly sameClusterId?: boolean }): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export async function startEtcd(options: LabEtcdOptions): Promise<LabEtcd> {
  const dir = resolve(options.dir);
  const host = options.host ?? '127.0.0.1';
  const clientPort = options.clientPort ?? (await freePort());
  const peerPort = await freePort();
  const logFile = join(dir, 'etcd.log');
  const dataDir = join(dir, 'etcd');
  let generation = 0;
  let child = await launch();

  function launch(): Promise<LabProcess> {
    return launchEtcd({ ...options, dir, host, clientPort, peerPort, logFile, dataDir, generation });
  }

  const self: LabEtcd = {
    endpoints: [`${host}:${clientPort}`],
    get pid() {
      return child.pid;
    },
    logFile,
    async stop() {
      await child.stop();
    },
    async kill() {
      await child.kill();
    },
    async restart() {
      await child.stop();
      child = await launch();
    },
    async wipe({ sameClusterId = false } = {}) {
      await child.kill();
      rmSync(dataDir, { recursive: true, force: true });
      if (!sameClusterId) generation += 1;
      child = await launch();
    },
    freeze: () => child.freeze(),
    thaw: () => child.thaw(),
  };
  return self;
}

interface Launch extends LabEtcdOptions {
  readonly host: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly logFile: string;
  readonly dataDir: string;
  readonly generation: number;
}

async function launchEtcd(launch: Launch): Promise<LabProcess> {
  const name = launch.name ?? 'lab';
  const scheme = launch.tls === undefined ? 'http' : 'https';
  const client = `${scheme}://${launch.host}:${launch.clientPort}`;
  const peer = `http://127.0.0.1:${launch.peerPort}`;
  const child = await (launch.start ?? startProcess)({
    name: `etcd ${name}`,
    command: 'etcd',
    logFile: launch.logFile,
    place: launch.place ?? HOST,
    // A unix socket of etcd's is created in its working directory, under the name that looks like host and port.
    cwd: launch.dir,
    args: [
      ...['--name', name, '--data-dir', launch.dataDir],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `${name}=${peer}`],
      // etcd derives its cluster id from the peers' URLs and this token: without a new token, a wiped etcd looks the same.
      ...['--initial-cluster-token', `${name}-${launch.peerPort}-${launch.generation}`],
      ...['--listen-metrics-urls', `unix://${METRICS_SOCKET}`],
      ...['--logger', 'zap', '--log-outputs', 'stderr', '--log-level', 'warn'],
      ...(launch.progressInterval === undefined
        ? []
        : ['--experimental-watch-progress-notify-interval', launch.progressInterval]),
      ...(launch.withoutFsync === true ? ['--unsafe-no-fsync'] : []),
      ...tlsArgs(launch.tls),
      ...(launch.extraArgs ?? []),
    ],
  });
  await child.untilReady(() => answersOk(join(launch.dir, METRICS_SOCKET), '/health'), READY_TIMEOUT_MS);
  return child;
}

function tlsArgs(tls: EtcdTls | undefined): readonly string[] {
  if (tls === undefined) return [];
  return [
    ...['--cert-file', tls.cert, '--key-file', tls.key, '--client-cert-auth', '--trusted-ca-file', tls.ca],
    ...(tls.clientDnsName === undefined ? [] : ['--client-cert-allowed-hostname', tls.clientDnsName]),
    // The JSON gateway would connect to etcd with the server's certificate, which is no client's.
    '--enable-grpc-gateway=false',
  ];
}

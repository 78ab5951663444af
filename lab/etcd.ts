// A real etcd of one member for the demo, live tests and benchmarks. It keeps its ports and its data directory over a stop,
// a kill and a restart; `wipe` gives it an empty store on the same client port.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type LabProcess, startProcess } from './process.ts';

/** Loading a data directory of a few hundred megabytes on a busy machine takes seconds. */
const READY_TIMEOUT_MS = 30_000;

export interface EtcdTls {
  /** Signs the clients' certificates; a client without one is refused. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
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
  const host = options.host ?? '127.0.0.1';
  const clientPort = options.clientPort ?? (await freePort());
  const peerPort = await freePort();
  const metricsPort = await freePort();
  const logFile = join(options.dir, 'etcd.log');
  const dataDir = join(options.dir, 'etcd');
  let generation = 0;
  let child = await launch();

  function launch(): Promise<LabProcess> {
    return launchEtcd({ ...options, host, clientPort, peerPort, metricsPort, logFile, dataDir, generation });
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
  readonly metricsPort: number;
  readonly logFile: string;
  readonly dataDir: string;
  readonly generation: number;
}

async function launchEtcd(launch: Launch): Promise<LabProcess> {
  const name = launch.name ?? 'lab';
  const scheme = launch.tls === undefined ? 'http' : 'https';
  const client = `${scheme}://${launch.host}:${launch.clientPort}`;
  const peer = `http://127.0.0.1:${launch.peerPort}`;
  const metrics = `http://127.0.0.1:${launch.metricsPort}`;
  const child = await startProcess({
    name: `etcd ${name}`,
    command: 'etcd',
    logFile: launch.logFile,
    args: [
      ...['--name', name, '--data-dir', launch.dataDir],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `${name}=${peer}`],
      // etcd derives its cluster id from the peers' URLs and this token: without a new token, a wiped etcd looks the same.
      ...['--initial-cluster-token', `${name}-${launch.peerPort}-${launch.generation}`],
      ...['--listen-metrics-urls', metrics],
      ...['--logger', 'zap', '--log-outputs', 'stderr', '--log-level', 'warn'],
      ...(launch.progressInterval === undefined
        ? []
        : ['--experimental-watch-progress-notify-interval', launch.progressInterval]),
      ...(launch.withoutFsync === true ? ['--unsafe-no-fsync'] : []),
      ...tlsArgs(launch.tls),
      ...(launch.extraArgs ?? []),
    ],
  });
  await child.untilReady(async () => {
    const answer = await fetch(`${metrics}/health`, { signal: AbortSignal.timeout(2000) });
    return answer.ok;
  }, READY_TIMEOUT_MS);
  return child;
}

function tlsArgs(tls: EtcdTls | undefined): readonly string[] {
  if (tls === undefined) return [];
  return [...['--cert-file', tls.cert, '--key-file', tls.key], ...['--client-cert-auth', '--trusted-ca-file', tls.ca]];
}

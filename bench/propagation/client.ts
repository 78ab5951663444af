// Opens an etcd, or a door, from within a worker.

import { type EtcdClient, openEtcd } from '../../apiserver/store/etcd-client.ts';
import type { StoreEvent } from '../../apiserver/store/port.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { channelCredentials } from '../../runtime/tls/shared-credentials.ts';
import { openTlsFiles, type TlsFiles } from '../../runtime/tls/tls-files.ts';

export interface Target {
  /** `host:port` */
  readonly endpoint: string;
  readonly tls: TlsFiles;
  /** The name that the server's certificate carries; absent: the endpoint's host. */
  readonly serverName?: string;
}

export async function openTarget({ endpoint, tls, serverName }: Target): Promise<EtcdClient> {
  const files = await openTlsFiles(tls, { clock: systemClock, log: silentLog });
  return openEtcd({
    endpoints: [endpoint],
    credentials: channelCredentials(files.source),
    channelOptions:
      serverName === undefined
        ? {}
        : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
}

/** Calls for each change of what is under `prefix`, until the process ends; resolves when the watch stands. */
export async function watchPrefix(
  client: EtcdClient,
  prefix: string,
  onEvent: (event: StoreEvent) => void,
): Promise<void> {
  await new Promise<void>((live) => {
    const mirror = client.createMirror({
      prefixes: [prefix],
      observer: {
        onBatch: ({ events, relisted }) => {
          if (!relisted) for (const event of events) onEvent(event);
        },
        onState: ({ phase }) => {
          if (phase === 'live') live();
        },
      },
    });
    void mirror.run(new AbortController().signal);
  });
}

// Listens at one place on the way of a change, and says when it came by there: a key of an etcd or of a door, or the snapshot
// that an agent gets. Only for the breakdown, not while the whole way is measured.

import { createGrpcUpstream } from '../../agent/upstream/grpc-upstream.ts';
import { parseServiceKey } from '../../mesh/model/names.ts';
import { clusterServiceKind } from '../../mesh/wire/cluster-service.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { channelCredentials } from '../../runtime/tls/shared-credentials.ts';
import { openTlsFiles } from '../../runtime/tls/tls-files.ts';
import { openTarget, type Target, watchPrefix } from './client.ts';
import { nowMs } from './moments.ts';
import { say, serveRequests, setupOf } from './worker.ts';

export type HopSetup = Target & { readonly hop: string; readonly prefix: string } & (
    | { readonly type: 'key'; readonly key: string }
    | { readonly type: 'snapshot'; readonly node: string; readonly service: string }
  );

export interface HopNews {
  readonly hop: string;
  readonly at: number;
  readonly backends: number;
}

const setup = setupOf<HopSetup>();
const passed = (backends: number): void => say({ hop: setup.hop, at: nowMs(), backends } satisfies HopNews);

if (setup.type === 'key') {
  const { key, prefix } = setup;
  await watchPrefix(await openTarget(setup), prefix, (event) => {
    if (event.type !== 'put' || event.kv.key !== key) return;
    const at = clusterServiceKind.decode(event.kv.value);
    if (at.ok) passed(Object.keys(at.value.backends).length);
  });
} else {
  const key = parseServiceKey(setup.service);
  if (!key.ok) throw new Error(key.error);
  const files = await openTlsFiles(setup.tls, { clock: systemClock, log: silentLog });
  const upstream = createGrpcUpstream({
    servers: [setup.endpoint],
    credentials: channelCredentials(files.source),
    ...(setup.serverName === undefined ? {} : { serverName: setup.serverName }),
    node: setup.node,
    software: 'bench',
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  await new Promise<void>((first) => {
    upstream.onSnapshot((snapshot) => {
      passed(snapshot.services.get(key.value)?.backends.length ?? 0);
      first();
    });
    void upstream.run(new AbortController().signal);
  });
}
await serveRequests(() => null);

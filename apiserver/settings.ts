// From the configuration to the values that the parts work with: checked names, what the cluster publishes of itself, and
// the certificate files of each connection.

import { type ClusterId, type ClusterName, parseClusterId, parseClusterName } from '../mesh/model/names.ts';
import { MESH_PROTOCOL } from '../mesh/wire/agent-message.ts';
import { SERVICE_PIECES, SERVICE_SPECS, TRUST_BUNDLE } from '../mesh/wire/card.ts';
import { spkiPins } from '../pki/spki.ts';
import type { OwnLeaf } from '../pki/trust/own-leaf.ts';
import type { Clock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import { openTlsFiles, TlsFilesFollower } from '../runtime/tls/tls-files.ts';
import { SOFTWARE_VERSION } from '../runtime/version.ts';
import type { ApiServerConfig } from './config.ts';
import type { ClusterSettings } from './publisher/settings.ts';

export function clusterIdentity({ cluster }: ApiServerConfig): { readonly name: ClusterName; readonly id: ClusterId } {
  const name = parseClusterName(cluster.name);
  if (!name.ok) throw invalid('cluster.name', cluster.name, name.error);
  const id = parseClusterId(cluster.id, cluster.maxConnectedClusters);
  if (!id.ok) throw invalid('cluster.id', String(cluster.id), id.error);
  return { name: name.value, id: id.value };
}

function invalid(setting: string, value: string, reason: string): OperationalError {
  return new OperationalError({
    code: 'CONFIG_INVALID',
    operation: 'read setting',
    subject: `${setting} = ${value}`,
    reason,
    hint: 'names and ids are for life: choose ones that no other cluster of the mesh has',
  });
}

/** `door`: the files whose authorities the cluster pins for its peers. */
export function clusterSettings(config: ApiServerConfig, door: Pick<TlsFilesFollower, 'caText'>): ClusterSettings {
  const { mode, encryption, tunnelProtocol, tunnelPort } = config.cluster.datapath;
  const { podCIDRs, serviceCIDRs, nodeCIDRs, maxConnectedClusters, defaultGlobalNamespace } = config.cluster;
  const withheld: ReadonlySet<string> = new Set(config.withhold);
  return {
    ...clusterIdentity(config),
    maxConnectedClusters,
    podCIDRs,
    serviceCIDRs,
    nodeCIDRs,
    datapath: {
      mode,
      encryption,
      ...(tunnelProtocol === undefined ? {} : { tunnelProtocol }),
      ...(tunnelPort === undefined ? {} : { tunnelPort }),
    },
    defaultGlobalNamespace,
    versions: { software: SOFTWARE_VERSION, protocol: MESH_PROTOCOL },
    capabilities: ['synced-canaries', ...[SERVICE_SPECS, SERVICE_PIECES].filter((name) => !withheld.has(name))],
    announcesBundle: !withheld.has(TRUST_BUNDLE),
    get spkiPins() {
      return spkiPins(config.door.tls.ca.flatMap((path) => door.caText(path) ?? []));
    },
  };
}

export interface ApiServerTls {
  readonly etcd: TlsFilesFollower;
  readonly door: TlsFilesFollower;
  readonly rpc: TlsFilesFollower;
  /** Absent where the HTTP API has no TLS. */
  readonly http?: TlsFilesFollower;
  /** What is shown at peers' doors: watched here, and read anew for each link. Absent where it is not configured. */
  readonly peer?: TlsFilesFollower;
}

/** Rejects with TLS_FILES where files cannot serve from the start; later faults keep the last good ones. */
export async function openTls(
  { etcd, door, rpc, http, peers }: ApiServerConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<ApiServerTls> {
  const open = (part: string, files: ApiServerConfig['etcd']['tls']) =>
    openTlsFiles(files, { clock, log: log.child({ part: `tls ${part}` }) });
  const opened = {
    etcd: await open('etcd', etcd.tls),
    door: await open('door', door.tls),
    rpc: await open('rpc', rpc.tls),
    ...(http.tls === undefined ? {} : { http: await open('http', http.tls) }),
  };
  if (peers.client === undefined) return opened;
  // Without it links fail, each with its reason, and everything else serves.
  const peer = new TlsFilesFollower(
    { ca: door.tls.ca, ...peers.client },
    { clock, log: log.child({ part: 'tls peer' }) },
  );
  await peer.reload();
  return { ...opened, peer };
}

/** The leaves that are in use. */
export const leavesOf = (tls: ApiServerTls): readonly OwnLeaf[] =>
  Object.entries(tls).flatMap(([use, { pair }]: [string, TlsFilesFollower]) =>
    pair === undefined ? [] : [{ use, ...pair }],
  );

// A real etcd, a mirror that follows it, and a door that serves the mirror over mutual TLS: what the tests of this folder
// compare. Clients that need files find each certificate below `dir`.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { createDoor, type Door } from '../../apiserver/door/server.ts';
import { type EtcdClient, openEtcd } from '../../apiserver/store/etcd-client.ts';
import type { Mirror } from '../../apiserver/store/port.ts';
import { type LabEtcd, startEtcd } from '../../lab/etcd.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import type { Profile } from '../../pki/profiles.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { systemRandom } from '../../runtime/random.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import type { TlsMaterial } from '../../runtime/tls/material.ts';
import { channelCredentials } from '../../runtime/tls/shared-credentials.ts';

/** Whose door it is; `east` is its peer. */
export const OWN = 'west' as ClusterName;
export const PEER = 'east' as ClusterName;

export interface MirroredDoor {
  readonly dir: string;
  readonly etcd: LabEtcd;
  /** Writes to etcd, as the cluster's API server does. */
  readonly store: EtcdClient;
  readonly mirror: Mirror;
  readonly door: Door;
  /** `host:port`. */
  readonly endpoint: string;
  /** A client's own certificate, and the authority that vouches for the door. */
  certificate(authority: 'own' | 'peer', profile: Profile): Promise<TlsMaterial>;
  close(): Promise<void>;
}

export const clientCredentials = (material: TlsMaterial) => channelCredentials(new CertificateSource(material));

/** Paths of the files that a command line takes. */
export function writeCertificate(dir: string, { ca, certificate, key }: TlsMaterial) {
  mkdirSync(dir, { recursive: true });
  const paths = { ca: join(dir, 'ca.pem'), cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') };
  writeFileSync(paths.ca, ca);
  writeFileSync(paths.cert, certificate);
  writeFileSync(paths.key, key, { mode: 0o600 });
  return paths;
}

export async function startMirroredDoor(): Promise<MirroredDoor> {
  const dir = mkdtempSync(join(tmpdir(), 'door-'));
  const etcd = await startEtcd({ dir, withoutFsync: true, progressInterval: '1s' });
  const authorities = { own: await authorityOf(OWN), peer: await authorityOf(PEER) };
  const leaf = async (authority: Authority, profile: Profile): Promise<TlsMaterial> => ({
    ca: `${authorities.own.certificate}${authorities.peer.certificate}`,
    ...(await issue({ authority, profile, now: Date.now(), ttlMs: DAY_MS, ips: ['127.0.0.1'] })),
  });
  const door = createDoor({
    cluster: OWN,
    trust: {
      own: [authorities.own.certificate],
      storeOf: (cluster) => (cluster === PEER ? [authorities.peer.certificate] : undefined),
    },
    credentials: serverCredentials(new CertificateSource(await leaf(authorities.own, 'door'))),
    listen: '127.0.0.1:0',
    clock: systemClock,
    log: silentLog,
  });
  const store = openEtcd({
    endpoints: etcd.endpoints,
    credentials: credentials.createInsecure(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  });
  const mirror = store.createMirror({ prefixes: ['cilium/', 'clustermesh/'], spanning: true, observer: door.observer });
  const stopping = new AbortController();
  const following = mirror.run(stopping.signal);
  const port = await door.start();
  return {
    dir,
    etcd,
    store,
    mirror,
    door,
    endpoint: `127.0.0.1:${port}`,
    certificate: (authority, profile) => leaf(authorities[authority], profile),
    async close() {
      await door.stop();
      stopping.abort();
      await following;
      store.close();
      await etcd.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

const authorityOf = (cluster: ClusterName): Promise<Authority> =>
  createAuthority({ cluster, now: Date.now(), days: 1 });

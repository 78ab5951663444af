// Plays many clusters at once: for each a real door (the API server's own, over real TLS, on a port of its own) that shows records
// out of memory, as if an etcd and a publisher stood behind it. What it costs is the door's; publishing is not played. Changes
// come when asked for, with a seed; each door's heartbeat goes on by itself.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDoor, type Door } from '../../apiserver/door/server.ts';
import type { KeyValue, StoreEvent } from '../../apiserver/store/port.ts';
import type { ClusterName, Revision } from '../../mesh/model/names.ts';
import { cardKey, SERVICE_PIECES } from '../../mesh/wire/card.ts';
import { clusterConfigKey, encodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import type { ClusterServiceRecord, PortValue } from '../../mesh/wire/cluster-service.ts';
import { RECORD_KIND_NAMES } from '../../mesh/wire/record-kinds.ts';
import { statePrefix } from '../../mesh/wire/state-keys.ts';
import { encodeTime, HEARTBEAT_KEY, syncedKey } from '../../mesh/wire/synced.ts';
import { createAuthority, DAY_MS } from '../../pki/authority.ts';
import { AUTHORITY_DAYS } from '../../pki/init.ts';
import { issue } from '../../pki/issue.ts';
import { systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { CertificateSource, serverCredentials } from '../../runtime/tls/certificate-source.ts';
import { card, clusterName, podAddress, records } from '../offline-mesh.ts';
import { serveRequests, setupOf } from '../propagation/worker.ts';
import type { ChurnKind, ChurnRates } from './churn-rates.ts';
import { type MadeChanges, playChurn } from './played-churn.ts';
import { publishedService, slicesBehind } from './played-pieces.ts';
import type { MeshSize } from './size.ts';

export interface PlayerSetup {
  readonly size: MeshSize;
  /** The cluster that reads, and the certificate of its authority. */
  readonly reader: { readonly name: string; readonly ca: string };
  /** Where the authorities' certificates are put: nobody else writes there, so that nobody is woken for nothing. */
  readonly dir: string;
}

export type PlayerRequest =
  | { readonly type: 'open' }
  /** From now on records change, spread over the clusters. */
  | { readonly type: 'churn'; readonly rates: ChurnRates; readonly seed: number }
  /** No more. Answers with how many did. */
  | { readonly type: 'calm' }
  /** The first cluster's part of the first service has this many backends. Answers with the bytes of its record. */
  | { readonly type: 'service'; readonly backends: number }
  /** Ends every connection. */
  | { readonly type: 'drop' };

export interface PlayedDoor {
  readonly name: string;
  readonly port: number;
  readonly ca: string;
  readonly records: number;
  readonly bytes: number;
}

const BEAT_MS = 3_000;

class PlayedCluster {
  readonly name: ClusterName;
  readonly keys: readonly string[];
  readonly #entries = new Map<string, KeyValue>();
  readonly #storeId: string;
  readonly #door: Door;
  #revision = 0;

  constructor(id: number, door: (name: ClusterName) => Door, initial: Iterable<readonly [string, Uint8Array]>) {
    this.name = clusterName(id) as ClusterName;
    this.#storeId = id.toString(16).padStart(16, '0');
    this.#door = door(this.name);
    const puts = [...initial];
    this.keys = puts.map(([key]) => key);
    this.put(puts, true);
  }

  start = (): Promise<number> => this.#door.start();

  drop = (reader: ClusterName): void => this.#door.disconnect(reader);

  get(key: string): KeyValue | undefined {
    return this.#entries.get(key);
  }

  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  }

  put(values: readonly (readonly [string, Uint8Array])[], relisted = false): void {
    const events = values.map(([key, value]): StoreEvent => {
      this.#revision += 1;
      const previous = this.#entries.get(key);
      const kv: KeyValue = {
        key,
        value,
        createRevision: previous?.createRevision ?? this.#revision,
        modRevision: this.#revision,
        version: (previous?.version ?? 0) + 1,
        lease: '0',
      };
      this.#entries.set(key, kv);
      return previous === undefined ? { type: 'put', kv } : { type: 'put', kv, previous };
    });
    this.#tell(events, relisted);
  }

  /** The value with all backends, and the pieces that are others than before. */
  publish(service: ClusterServiceRecord): void {
    const published = publishedService(service);
    this.put(published.filter(([key, value]) => !Buffer.from(value).equals(this.#entries.get(key)?.value ?? NOTHING)));
    this.#remove(slicesBehind(service, (key) => this.#entries.has(key)));
  }

  #remove(keys: readonly string[]): void {
    const events = keys.map((key): StoreEvent => {
      this.#revision += 1;
      this.#entries.delete(key);
      return { type: 'delete', key, modRevision: this.#revision };
    });
    if (events.length > 0) this.#tell(events, false);
  }

  #tell(events: readonly StoreEvent[], relisted: boolean): void {
    const position = { storeId: this.#storeId, revision: this.#revision as Revision };
    this.#door.observer.onBatch({ position, events, relisted });
  }
}

const NOTHING = new Uint8Array();

const SERVICES = statePrefix('services');
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const setup = setupOf<PlayerSetup>();
const clusters: PlayedCluster[] = [];

function* initialOf(id: number): Generator<readonly [string, Uint8Array]> {
  const name = clusterName(id) as ClusterName;
  const now = Date.now();
  yield [
    clusterConfigKey(name),
    encodeClusterConfig({
      id,
      capabilities: { syncedCanaries: true, maxConnectedClusters: 255, serviceExportsEnabled: false },
    }),
  ];
  // A range for itself, whatever the mesh for diagnosis has.
  const own = card(id);
  const capabilities = [...own.capabilities, SERVICE_PIECES];
  yield [
    cardKey(name),
    json({ ...own, capabilities, podCIDRs: [`10.${id}.0.0/16`], time: new Date(now).toISOString() }),
  ];
  for (const [key, value] of records(id, setup.size)) {
    // Identities are stored as the text itself.
    if (typeof value === 'string') yield [key, Buffer.from(value)];
    else if (key.startsWith(SERVICES)) yield* publishedService(value as ClusterServiceRecord);
    else yield [key, json(value)];
  }
  for (const kind of RECORD_KIND_NAMES) yield [syncedKey(name, kind), encodeTime(now)];
  yield [HEARTBEAT_KEY, encodeTime(now)];
}

async function open(id: number): Promise<PlayedDoor> {
  const name = clusterName(id) as ClusterName;
  const authority = await createAuthority({ cluster: name, now: Date.now(), days: AUTHORITY_DAYS });
  const leaf = await issue({ authority, profile: 'door', now: Date.now(), ttlMs: DAY_MS, ips: ['127.0.0.1'] });
  const material = { ca: `${authority.certificate}${setup.reader.ca}`, ...leaf };
  const door = (cluster: ClusterName) =>
    createDoor({
      cluster,
      trust: {
        own: [authority.certificate],
        storeOf: (peer) => (peer === setup.reader.name ? [setup.reader.ca] : undefined),
      },
      credentials: serverCredentials(new CertificateSource(material)),
      listen: '127.0.0.1:0',
      clock: systemClock,
      log: silentLog,
    });
  const played = new PlayedCluster(id, door, initialOf(id));
  clusters.push(played);
  mkdirSync(setup.dir, { recursive: true });
  const ca = join(setup.dir, `${name}.pem`);
  writeFileSync(ca, authority.certificate);
  const port = await played.start();
  // Not all in one moment.
  setTimeout(() => setInterval(() => played.put([[HEARTBEAT_KEY, encodeTime(Date.now())]]), BEAT_MS), id * 10);
  return { name, port, ca, records: played.keys.length, bytes: played.bytes };
}

let stopChurn: (() => MadeChanges) | undefined;

/** One record of the kind, of any cluster. */
function change(kind: ChurnKind, random: Random): void {
  const below = (max: number) => Math.floor(random.next() * max);
  const id = 1 + below(clusters.length);
  const cluster = clusters[id - 1];
  if (cluster === undefined) return;
  const [key, fields] = changeOf(kind, id, below);
  const kv = cluster.get(key);
  if (kv === undefined) return;
  const value = { ...(fields === undefined ? {} : JSON.parse(Buffer.from(kv.value).toString())), ...fields };
  if (key.startsWith(SERVICES)) cluster.publish(value);
  else cluster.put([[key, fields === undefined ? kv.value : json(value)]]);
}

/** Which one, and what it has from now on; nothing new for those that are only written again. */
function changeOf(
  kind: ChurnKind,
  id: number,
  below: (max: number) => number,
): readonly [key: string, fields: object | undefined] {
  const { endpoints, nodes, identities, services } = setup.size;
  const name = clusterName(id);
  switch (kind) {
    case 'endpoints':
      return [`cilium/state/ip/v1/default/${podAddress(id, below(endpoints))}`, { K8sPodName: `pod-${below(1e6)}` }];
    case 'nodes':
      return [`cilium/state/nodes/v1/${name}/node-${below(nodes)}`, { BootID: `boot-${below(1e6)}` }];
    case 'identities':
      // Labels of an identity never change.
      return [`cilium/state/identities/v1/id/${(id << 16) + 1 + below(identities)}`, undefined];
    case 'services':
      // All but its backends travels, and no row of a map changes.
      return [`${SERVICES}${name}/shop/service-${below(services)}`, { labels: { version: String(below(1e6)) } }];
    default:
      return kind satisfies never;
  }
}

function setBackends(count: number): number {
  const [cluster] = clusters;
  const key = `${SERVICES}${cluster?.name}/shop/service-0`;
  const kv = cluster?.get(key);
  if (cluster === undefined || kv === undefined) throw new Error('there is no such service');
  const backends: Record<string, Readonly<Record<string, PortValue>>> = {};
  const usual = setup.size.backends;
  for (let at = 0; at < count; at += 1) {
    // Beyond its usual ones it has pods that no other service has: each is a row of the maps.
    const address = podAddress(1, at < usual ? at : setup.size.endpoints + at);
    backends[address] = { http: { Protocol: 'TCP', Port: 8080 } };
  }
  cluster.publish({ ...JSON.parse(Buffer.from(kv.value).toString()), backends });
  return cluster.get(key)?.value.length ?? 0;
}

await serveRequests<PlayerRequest>(async (request) => {
  switch (request.type) {
    case 'open': {
      const doors: PlayedDoor[] = [];
      for (let id = 1; id <= setup.size.clusters; id += 1) doors.push(await open(id));
      return doors;
    }
    case 'churn':
      stopChurn?.();
      stopChurn = playChurn(request.rates, request.seed, change);
      return undefined;
    case 'calm':
      return stopChurn?.();
    case 'service':
      return setBackends(request.backends);
    case 'drop':
      for (const cluster of clusters) cluster.drop(setup.reader.name as ClusterName);
      return undefined;
    default:
      return request satisfies never;
  }
});

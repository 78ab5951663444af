// Clusters for the tests of joining: credentials, an etcd in memory, a folder on disk, and a real listener on loopback. What composes them
// in production is compose.ts.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { probeInviter } from '../../apiserver/join/client.ts';
import { Invitations } from '../../apiserver/join/invitations.ts';
import { Inviter } from '../../apiserver/join/inviter.ts';
import { Joiner } from '../../apiserver/join/joiner.ts';
import { JoinListener } from '../../apiserver/join/listener.ts';
import { OwnSide } from '../../apiserver/join/own-side.ts';
import { PeerFiles } from '../../apiserver/peers/peer-files.ts';
import { MemoryStore } from '../../apiserver/store/memory-store.ts';
import type { KeyValue } from '../../apiserver/store/port.ts';
import { type ClusterFacts, readCard } from '../../mesh/conflict/facts.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import { type ClusterName, parseClusterName } from '../../mesh/model/names.ts';
import { cardKey, encodeCard } from '../../mesh/wire/card.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { type Authority, createAuthority, DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { spkiPins } from '../../pki/spki.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { CertificateSource } from '../../runtime/tls/certificate-source.ts';
import type { TlsPair } from '../../runtime/tls/material.ts';

export const nameOf = (text: string): ClusterName => {
  const parsed = parseClusterName(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

/** A clock that is `offset` away from the machine's, and can be moved. */
export class ShiftedClock implements Clock {
  offsetMs = 0;
  now = () => Date.now() + this.offsetMs;
  monotonic = systemClock.monotonic;
  after = systemClock.after;
}

export interface TestClusterOptions {
  readonly name: string;
  readonly id: number;
  readonly podCIDRs?: readonly string[];
  readonly uid?: string;
}

export class TestCluster {
  readonly clock = new ShiftedClock();
  readonly store = new MemoryStore();
  readonly entries = new Map<string, KeyValue>();
  readonly members = new Map<ClusterName, ClusterFacts>();
  readonly name: ClusterName;
  readonly dir: string;
  readonly authority: Authority;
  readonly files: PeerFiles;
  readonly invitations: Invitations;
  readonly own: OwnSide;
  readonly joiner: Joiner;
  readonly card: ClusterCard;
  /** What it shows at others' doors. */
  pair: TlsPair;
  /** Where it says that its join listener is. */
  advertise: string[] = [];
  #inviter: Inviter | undefined;
  #listener: JoinListener | undefined;

  private constructor(options: TestClusterOptions, dir: string, authority: Authority, pair: TlsPair) {
    this.name = nameOf(options.name);
    this.dir = dir;
    this.authority = authority;
    this.pair = pair;
    this.card = cardOf(options, authority);
    this.entries.set(cardKey(this.name), record(cardKey(this.name), encodeCard(this.card)));
    this.members.set(this.name, { name: this.name, card: readCard(encodeCard(this.card)), records: new Map() });
    this.files = new PeerFiles({ self: this.name, folder: join(dir, 'peers'), trust: join(dir, 'trust') });
    this.invitations = new Invitations(this);
    const { clock, files, entries } = this;
    const ca = () => authority.certificate;
    const doors = [`https://${options.name}.example:2379`];
    this.own = new OwnSide({ self: this.name, entries, facts: () => this.members, ca, doors, clock });
    this.joiner = new Joiner({
      own: this.own,
      files,
      isPeer: (peer) => this.members.has(peer),
      pair: async () => this.pair,
      randomBytes,
      clock,
      log: silentLog,
    });
  }

  static async create(options: TestClusterOptions): Promise<TestCluster> {
    const dir = await mkdtemp(join(tmpdir(), `join-${options.name}-`));
    const authority = await createAuthority({ cluster: nameOf(options.name), now: Date.now(), days: 30 });
    const cluster = new TestCluster(options, dir, authority, await leaf(authority, 'peer'));
    await cluster.#listen(options.id);
    return cluster;
  }

  get inviter(): Inviter {
    if (this.#inviter === undefined) throw new Error(`${this.name} does not listen yet`);
    return this.#inviter;
  }

  async #listen(clusterId: number): Promise<void> {
    const { own, invitations, files, clock, advertise } = this;
    this.#inviter = new Inviter({
      own,
      clusterId,
      invitations,
      files,
      isPeer: (peer) => this.members.has(peer),
      advertise,
      probe: probeInviter,
      randomBytes,
      clock,
      log: silentLog,
    });
    const certificates = new CertificateSource({ ...(await leaf(this.authority, 'door')), ca: '' });
    this.#listener = new JoinListener({ inviter: this.inviter, certificates, listen: '127.0.0.1:0', log: silentLog });
    advertise.push(`127.0.0.1:${await this.#listener.start()}`);
  }

  /** What a join has left on disk: texts by path below the cluster's folder. */
  async written(): Promise<Readonly<Record<string, string>>> {
    const entries = await readdir(this.dir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    const texts = await Promise.all(
      files.map(async (file) => [file.slice(this.dir.length + 1), await readFile(file, 'utf8')]),
    );
    return Object.fromEntries(texts) as Record<string, string>;
  }

  async states(): Promise<readonly string[]> {
    const states: string[] = [];
    for await (const { entries } of this.store.list('clustermesh/v1/join/')) {
      for (const { value } of entries)
        states.push((JSON.parse(Buffer.from(value).toString()) as { state: string }).state);
    }
    return states;
  }

  async remove(): Promise<void> {
    await this.#listener?.stop();
    await rm(this.dir, { recursive: true, force: true });
  }
}

const record = (key: string, value: Uint8Array): KeyValue => ({
  key,
  value,
  createRevision: 1,
  modRevision: 1,
  version: 1,
  lease: '0',
});

export const leaf = async (authority: Authority, profile: 'peer' | 'door'): Promise<TlsPair> => {
  const { certificate, key } = await issue({ authority, profile, now: Date.now(), ttlMs: DAY_MS });
  return { certificate, key };
};

const cardOf = ({ name, id, podCIDRs, uid }: TestClusterOptions, authority: Authority): ClusterCard => ({
  schema: 'clustermesh/v1',
  name,
  id,
  uid: uid ?? `uid-of-${name}`,
  joinedAt: null,
  podCIDRs: podCIDRs ?? [`10.${id}.0.0/16`],
  serviceCIDRs: [`172.20.${id}.0/24`],
  nodeCIDRs: [`192.168.${id}.0/24`],
  maxConnectedClusters: 255,
  datapath: { mode: 'native', encryption: 'none' },
  versions: { software: '0.1.0', protocol: 1 },
  capabilities: ['synced-canaries'],
  trust: { spkiPins: spkiPins([authority.certificate]) },
  time: formatTime(Date.now()),
});

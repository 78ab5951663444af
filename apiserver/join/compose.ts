// Puts the parts of joining together: what the HTTP API needs of them, and the listener that invited clusters come to.

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ClusterFacts } from '../../mesh/conflict/facts.ts';
import type { ClusterId, ClusterName } from '../../mesh/model/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/errors.ts';
import type { Part } from '../../runtime/lifecycle.ts';
import { hostPort } from '../../runtime/listen.ts';
import type { Log } from '../../runtime/log.ts';
import { pairProblem, type TlsPair } from '../../runtime/tls/material.ts';
import type { TlsFilesFollower } from '../../runtime/tls/tls-files.ts';
import type { ApiServerConfig } from '../config.ts';
import { PeerFiles } from '../peers/peer-files.ts';
import type { KeyValue, Store } from '../store/port.ts';
import { probeInviter } from './client.ts';
import { Invitations } from './invitations.ts';
import { invitationsDocument, shownInvitation } from './invitations-document.ts';
import { Inviter } from './inviter.ts';
import { Joiner } from './joiner.ts';
import { JoinListener } from './listener.ts';
import { OwnSide } from './own-side.ts';
import { refusal } from './refusal.ts';
import { type RevocationDeps, revokePeer } from './revocation.ts';
import type { JoinRouteDeps } from './routes.ts';

export interface JoinDeps {
  readonly config: ApiServerConfig;
  readonly self: ClusterName;
  readonly id: ClusterId;
  readonly store: Store;
  readonly entries: ReadonlyMap<string, KeyValue>;
  readonly facts: () => ReadonlyMap<ClusterName, ClusterFacts>;
  readonly peers: RevocationDeps['peers'];
  /** The door's files: joiners are shown the door's certificate, and given the door's authorities. */
  readonly tls: TlsFilesFollower;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Joining extends Omit<JoinRouteDeps, 'peers'> {
  /** The listener; nothing where no `join` is configured. */
  readonly parts: readonly Part[];
}

export function composeJoin(deps: JoinDeps): Joining {
  const { config, self, id, store, entries, facts, peers, tls, clock, log } = deps;
  const files = new PeerFiles({ self, folder: config.peers.folder, trust: config.peers.trust });
  const invitations = new Invitations({ store, clock });
  const isPeer = (name: ClusterName) => peers.names.has(name);
  const ca = () => config.door.tls.ca.map((path) => `${(tls.caText(path) ?? '').trimEnd()}\n`).join('');
  const own = new OwnSide({ self, entries, facts, ca, doors: doorsOf(config), clock });
  const common = { own, files, isPeer, randomBytes, clock, log };
  const inviter = new Inviter({
    ...common,
    clusterId: id,
    invitations,
    advertise: config.join?.advertise ?? [],
    probe: probeInviter,
  });
  const joiner = new Joiner({ ...common, pair: () => readPair(self, config.peers.client, clock) });
  return {
    parts: config.join === undefined ? [] : [listenerPart(config.join.listen, inviter, tls, log)],
    async invite(peer, ttlMs) {
      if (config.join === undefined) {
        throw refusal(
          'JOIN_NOT_CONFIGURED',
          self,
          'join.listen and join.advertise are not set, so that nobody can come',
        );
      }
      files.assertConfigured();
      return inviter.invite(peer, ttlMs);
    },
    invitations: async () => invitationsDocument(self, await invitations.list(), clock.now()),
    async withdraw(invitation, force) {
      const { record, changed } = await invitations.withdraw(invitation, force);
      if (changed) log.info('invitation withdrawn', { invitation, peer: record.peer });
      return { changed, invitation: shownInvitation(record, clock.now()) };
    },
    plan: (token) => joiner.plan(token),
    join: (token) => joiner.join(token),
    async leave(peer) {
      if (!isPeer(peer)) throw refusal('JOIN_NOT_A_PEER', peer, `${peer} is no peer of ${self}`);
      const removed = await files.remove(peer);
      // What was issued for it must not bring it back.
      await invitations.forget(peer);
      log.info('left', { peer });
      return removed;
    },
    revoke: (peer, dryRun) => revokePeer({ self, files, invitations, peers, log }, peer, dryRun),
  };
}

function listenerPart(listen: string, inviter: Inviter, tls: TlsFilesFollower, log: Log): Part {
  const listener = new JoinListener({ inviter, certificates: tls.source, listen, log: log.child({ part: 'join' }) });
  return { name: 'join', start: async () => void (await listener.start()), stop: () => listener.stop() };
}

/** Where the doors are, as peers reach them: by default the port of the door at the hosts of the join listeners. */
function doorsOf({ door, join }: ApiServerConfig): readonly string[] {
  const { port } = hostPort(door.listen);
  const hosts = (join?.advertise ?? []).map((endpoint) => endpoint.slice(0, endpoint.lastIndexOf(':')));
  const doors = door.advertise ?? [...new Set(hosts)].map((host) => `${host}:${port}`);
  return doors.map((address) => `https://${address}`);
}

async function readPair(self: ClusterName, files: ApiServerConfig['peers']['client'], clock: Clock): Promise<TlsPair> {
  if (files === undefined)
    throw refusal('JOIN_NOT_CONFIGURED', self, 'peers.client, which is shown to others, is not set');
  try {
    const [certificate, key] = await Promise.all([readFile(files.cert, 'utf8'), readFile(files.key, 'utf8')]);
    const problem = pairProblem({ certificate, key }, clock.now());
    if (problem !== undefined) throw new Error(problem);
    return { certificate, key };
  } catch (cause) {
    throw refusal('JOIN_TRUST', self, `${files.cert}: ${reasonOf(cause)}`, { cause });
  }
}

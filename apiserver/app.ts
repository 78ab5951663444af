// The composition of a mesh API server: which parts there are, what each is given, and in which order they start. Nothing is
// decided here; the parts are in their folders.

import { hostname } from 'node:os';
import type { ClusterName } from '../mesh/model/names.ts';
import { ADDRESS_STREAM } from '../mesh/wire/mesh-method.ts';
import type { Clock } from '../runtime/clock.ts';
import { Health } from '../runtime/health.ts';
import { httpPart } from '../runtime/http-part.ts';
import type { Part } from '../runtime/lifecycle.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import { serverCredentials } from '../runtime/tls/certificate-source.ts';
import { AddressBook } from './addresses/book.ts';
import { AdmissionEngine } from './admission/engine.ts';
import { Remembered } from './admission/remembered.ts';
import { composeBundles } from './bundles/compose.ts';
import type { ApiServerConfig } from './config.ts';
import { ReflectionProgress } from './convergence/reflection.ts';
import { createDoor } from './door/server.ts';
import { doorTrust } from './door-trust.ts';
import { EpochRecord } from './epoch.ts';
import { FilledHistory } from './filled-history.ts';
import { httpAccess } from './http/access.ts';
import { composeJoin } from './join/compose.ts';
import { joinRoutes } from './join/routes.ts';
import { KeptValues } from './kept-values.ts';
import { localFacts } from './local-facts.ts';
import { OwnEtcd } from './own-etcd.ts';
import { OwnLeaves } from './own-leaves.ts';
import { peerIntake } from './own-state.ts';
import { aborted, sourcePart } from './parts.ts';
import { peerLadders } from './peer-ladder.ts';
import { peerOutcomes } from './peer-outcome.ts';
import { knownOf, watchPeerTrust } from './peer-trust.ts';
import { doorOpener } from './peers/door-client.ts';
import { ladderRoutes } from './peers/ladder/routes.ts';
import { OwnPairs } from './peers/own-pairs.ts';
import { PeerFiles } from './peers/peer-files.ts';
import { PeerSet } from './peers/peer-set.ts';
import { peersDocument } from './peers/peers-document.ts';
import { createPublisher } from './publisher/publisher.ts';
import { Reflector } from './reflect/reflector.ts';
import { createMeshServer } from './rpc/server.ts';
import { describeServer } from './self-description.ts';
import { clusterIdentity, clusterSettings, leavesOf, openTls } from './settings.ts';
import { createManifestSource } from './sources/manifests/manifest-source.ts';
import { Election } from './store/election.ts';
import { createView } from './view/view.ts';
import type { Withheld } from './withheld.ts';

export interface AppDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly uuid: () => string;
}

/** Parts in the order in which they start. Rejects where the configuration or its files cannot serve. */
export async function composeApiServer(config: ApiServerConfig, deps: AppDeps): Promise<readonly Part[]> {
  const { clock, random, log } = deps;
  const health = new Health(clock);
  const { name, id } = clusterIdentity(config);
  const tls = await openTls(config, deps);
  const etcd = new OwnEtcd({ endpoints: config.etcd.endpoints, tls: tls.etcd, clock, random, log, health });
  const source = createManifestSource({ folder: config.sources.manifests, clock, log: log.child({ part: 'source' }) });
  const admission = new AdmissionEngine({ local: name, clock, random });
  const withheld: Withheld = new Set(config.withhold);
  const addresses = withheld.has(ADDRESS_STREAM) ? undefined : new AddressBook(() => etcd.mirror.content);
  const view = createView({ cluster: { name, id }, clock, log: log.child({ part: 'view' }) });

  const openDoor = doorOpener({ client: config.peers.client, clock, random, log: log.child({ part: 'peers' }) });
  const peers: PeerSet = new PeerSet({
    folder: config.peers.folder,
    self: name,
    openDoor,
    intake: peerIntake(admission, etcd.mirror.entries, (peer) => reflector.onDeclarations(peer)),
    onBundle: (peer, bytes) => bundles.receive(peer, bytes),
    withheld,
    limits: { card: config.peers.freshness, plain: config.peers.plainFreshness },
    clock,
    random,
    log: log.child({ part: 'peers' }),
    onChange: (peer) => peerChanged(peer),
    onKnown: () => reflector.onPeersKnown(),
  });
  const outcomes = peerOutcomes(peers, admission);
  const progress = new ReflectionProgress({ clock, seen: (peer) => peers.pulse(peer)?.revision });
  const reflector = new Reflector({
    self: name,
    store: etcd.store,
    observed: etcd.mirror.entries,
    peers: outcomes,
    progress,
    clock,
    random,
    log: log.child({ part: 'reflect' }),
  });
  const trust = doorTrust({ tls: tls.door, ownCa: config.door.tls.ca, peers });
  const bundles = composeBundles({
    self: name,
    store: etcd.store,
    entries: etcd.mirror.entries,
    peers,
    files: new PeerFiles({ self: name, folder: config.peers.folder, trust: config.peers.trust }),
    trust,
    shown: { ...tls },
    agents: () => rpc.agents,
    clock,
    random,
    log: log.child({ part: 'bundles' }),
  });
  const door = createDoor({
    cluster: name,
    trust,
    withheld,
    credentials: serverCredentials(tls.door.source),
    listen: config.door.listen,
    clock,
    log: log.child({ part: 'door' }),
  });
  const rpc = createMeshServer({
    feed: view,
    addresses,
    cluster: name,
    credentials: serverCredentials(tls.rpc.source),
    listen: config.rpc.listen,
    clock,
    log: log.child({ part: 'rpc' }),
  });
  const publisher = createPublisher({
    store: etcd.store,
    source,
    cluster: clusterSettings(config, tls.door),
    clock,
    random,
    log: log.child({ part: 'publisher' }),
    uuid: deps.uuid,
  });
  tls.door.source.onChange(() => {
    publisher.settingsChanged();
    bundles.ownChanged();
  });
  const epoch = new EpochRecord({
    self: name,
    store: etcd.store,
    observed: etcd.mirror.entries,
    peers: outcomes,
    reflected: () => reflector.depth === 0,
    newEpoch: () => deps.uuid().replaceAll('-', '').slice(0, 16),
    clock,
    log: log.child({ part: 'epoch' }),
  });

  const ownPairs = new OwnPairs({ spec: (peer) => peers.spec(peer), clock, log: log.child({ part: 'tls peer' }) });
  const peerTrust = watchPeerTrust({ self: name, config, peers, admission, trust, openDoor, clock, random, log });

  const ladders = peerLadders({
    self: name,
    config,
    peers,
    known: (peer) => knownOf(peer, admission, trust),
    openDoor,
    clock,
    log,
  });

  function peerChanged(peer: ClusterName): void {
    peerTrust.peerChanged(peer);
    ownPairs.peerChanged(peer);
    ladders.peerChanged(peer);
    trust.refresh().catch((error: unknown) => log.error('cannot take over the trust of peers', { error }));
    if (peers.spec(peer) !== undefined) publisher.markJoined(clock.now());
    else {
      door.disconnect(peer);
      bundles.forget(peer);
    }
    reflector.onPeer(peer);
  }
  admission.onChange((peer, keys) => {
    reflector.onRecords(peer, keys);
    reflector.onDeclarations(peer);
  });
  let leader = false;
  const readers = [view, ...(addresses === undefined ? [] : [addresses])].map((reader) => new FilledHistory(reader));
  for (const observer of [...readers, door.observer]) etcd.observe(observer);
  const remembered = new Remembered({ self: name, admission, leading: () => leader, clock });
  const kept = new KeptValues({
    store: etcd.store,
    observed: etcd.mirror.entries,
    values: remembered.values,
    clock,
    log: log.child({ part: 'kept' }),
  });
  etcd.follow(remembered);
  etcd.follow(localFacts(name, admission, () => leader));
  etcd.follow({
    onBatch(batch) {
      publisher.foreignChange(batch);
      reflector.onOwnBatch(batch);
      bundles.onOwnBatch(batch);
    },
  });

  const election = new Election({ store: etcd.store, clock, random, log: log.child({ part: 'election' }) });
  const lead: Part = {
    name: 'leader',
    run: (signal) =>
      election.run(
        {
          name: 'writer',
          candidate: `${hostname()}/${process.pid}`,
          onLeading: async (leading, fence) => {
            leader = true;
            log.info('leading');
            try {
              await Promise.all([
                publisher.run(leading, fence),
                reflector.lead(leading, fence),
                epoch.lead(leading, fence),
                bundles.lead(leading, fence),
                kept.lead(leading, fence),
              ]);
            } finally {
              leader = false;
            }
          },
        },
        signal,
      ),
  };

  const ownLeaves = new OwnLeaves({
    leaves: () => [...leavesOf(tls), ...ownPairs.leaves],
    trust: () => ({ local: name, store: trust.own, storePath: config.door.tls.ca[0] ?? '' }),
    clock,
  });
  const told = describeServer({
    cluster: { name, id },
    leading: () => leader,
    etcd,
    source,
    admission,
    view,
    peers,
    progress,
    ladders,
    rpc,
    publisher,
    reflector,
    bundles,
    peerTrust,
    ownLeaves,
    tls,
    health,
    clock,
    log,
  });
  const joining = composeJoin({
    config,
    self: name,
    id,
    store: etcd.store,
    entries: etcd.mirror.entries,
    facts: () => admission.memberFacts(),
    peers,
    tls: tls.door,
    clock,
    log,
  });
  const peerTable = () =>
    peersDocument({
      cluster: name,
      specs: peers.specs,
      states: peers.states,
      revoked: peers.revoked,
      clients: door.clients,
      storeOf: (peer) => trust.storeOf(peer),
    });
  const peerRoutes = [
    ...joinRoutes({ ...joining, peers: peerTable }),
    ...bundles.routes,
    ...ladderRoutes({ self: name, climb: (peer) => ladders.climb(peer) }),
  ];

  return [
    ...Object.entries(tls).map(([part, files]): Part => ({ name: `tls ${part}`, run: (signal) => files.run(signal) })),
    httpPart(
      config.http.listen,
      [...told.routes, ...peerRoutes],
      log,
      tls.http && httpAccess({ cluster: name, tls: tls.http, clock, log: log.child({ part: 'http' }) }),
    ),
    { name: 'ladder', start: async () => {}, stop: async () => ladders.stop() },
    { name: 'door', start: async () => void (await door.start()), stop: () => door.stop() },
    { name: 'rpc', start: async () => void (await rpc.start()), stop: () => rpc.stop() },
    ...joining.parts,
    etcd.part,
    sourcePart(source, health),
    {
      name: 'peers',
      // Peers' cards are compared with those last admitted, which the own etcd has.
      run: async (signal) => {
        await Promise.race([etcd.listed, aborted(signal)]);
        await peers.run(signal);
      },
    },
    { name: 'bundles', run: (signal) => bundles.run(signal) },
    { name: 'trust', run: (signal) => peerTrust.run(signal) },
    { name: 'own leaves', run: (signal) => ownLeaves.run(signal), stop: async () => ownPairs.stop() },
    { name: 'findings', run: (signal) => told.findingLog.run(signal) },
    lead,
  ];
}

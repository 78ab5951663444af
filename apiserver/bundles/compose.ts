// Puts the exchange of bundles together: what is announced here, what is taken of peers, and what people see of both.

import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { bundleKey, decodeTrustBundle, type TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Route } from '../../runtime/http.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { TlsFilesFollower } from '../../runtime/tls/tls-files.ts';
import type { DoorTrust } from '../door-trust.ts';
import type { PeerFiles } from '../peers/peer-files.ts';
import type { PeerSet } from '../peers/peer-set.ts';
import type { Condition, KeyValue, MirrorBatch, Store } from '../store/port.ts';
import { BundleAnnouncer } from './announcer.ts';
import { withBundles } from './findings.ts';
import { PeerBundles } from './peer-bundles.ts';
import { trustRoutes } from './routes.ts';
import { type AgentSaying, trustDocument } from './trust-document.ts';

export interface BundleDeps {
  readonly self: ClusterName;
  readonly store: Pick<Store, 'get' | 'transact'>;
  /** The mirror of the own etcd. */
  readonly entries: ReadonlyMap<string, KeyValue>;
  readonly peers: Pick<PeerSet, 'spec' | 'names' | 'known' | 'states'>;
  readonly files: Pick<PeerFiles, 'storeOf'>;
  readonly trust: DoorTrust;
  /** What this server shows, by the connection. */
  readonly shown: Readonly<Record<string, Pick<TlsFilesFollower, 'source'>>>;
  readonly agents: () => readonly AgentSaying[];
  /** @default that of PeerBundles */
  readonly gatherMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface BundleExchange {
  /** A peer's bundle, as it came through its door. */
  receive(peer: ClusterName, bytes: Uint8Array | undefined): void;
  /** The cluster is no peer any more. */
  forget(peer: ClusterName): void;
  /** The own authority may be another. */
  ownChanged(): void;
  onOwnBatch(batch: MirrorBatch): void;
  run(signal: AbortSignal): Promise<void>;
  lead(signal: AbortSignal, fence: Condition): Promise<void>;
  assess(trust: Assessment): Assessment;
  onChange(listener: () => void): () => void;
  readonly routes: readonly Route[];
}

export function composeBundles(deps: BundleDeps): BundleExchange {
  const { self, store, entries, peers, files, trust, shown, agents, gatherMs, clock, random, log } = deps;
  const listeners = new Set<() => void>();
  const own = bundleKey(self);
  const bundles = new PeerBundles({
    self,
    stores: {
      pathOf(peer) {
        const named = peers.spec(peer)?.ca ?? [];
        return named.length === 1 && named[0] === files.storeOf(peer) ? named[0] : undefined;
      },
      textsOf: (peer) => trust.storeOf(peer),
      refresh: () => trust.refresh(),
    },
    onChange: () => {
      announcer.look();
      for (const listener of listeners) listener();
    },
    gatherMs,
    clock,
    random,
    log,
  });
  /** Of a peer that was not heard since this process started it is said what was said before. */
  const taken = (before: TrustBundle['taken']): TrustBundle['taken'] => {
    const said = peers.known ? [...peers.names] : (Object.keys(before) as ClusterName[]);
    const all = said.flatMap((peer): readonly (readonly [string, number])[] => {
      const known = bundles.states.get(peer);
      const sequence = known === undefined ? (Object.hasOwn(before, peer) ? before[peer] : undefined) : known.taken;
      return sequence === undefined ? [] : [[peer, sequence]];
    });
    return Object.fromEntries(all);
  };
  const announcer = new BundleAnnouncer({ self, store, ownCa: () => trust.own, taken, clock, random, log });
  const announced = () => {
    const entry = entries.get(own);
    const read = entry === undefined ? undefined : decodeTrustBundle(entry.value);
    return read?.ok === true ? read.value : undefined;
  };
  const document = () =>
    trustDocument({
      cluster: self,
      bundle: announced(),
      certificates: Object.fromEntries(
        Object.entries(shown).map(([part, { source }]) => [part, source.material.certificate]),
      ),
      peers: peers.states,
      states: bundles.states,
      agents: agents(),
    });
  return {
    receive: (peer, bytes) => bundles.receive(peer, bytes),
    forget: (peer) => bundles.receive(peer, undefined),
    ownChanged: () => announcer.look(),
    onOwnBatch({ events }) {
      if (events.some((event) => (event.type === 'put' ? event.kv.key : event.key) === own)) announcer.look();
    },
    run: (signal) => bundles.run(signal),
    lead: (signal, fence) => announcer.lead(signal, fence),
    assess: (assessment) => withBundles(assessment, bundles.states, { local: self, now: clock.now() }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    routes: trustRoutes(document),
  };
}

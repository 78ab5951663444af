// What the reflector is to write of each peer: admission's outcome, and the state of the peer's link.

import type { ClusterName } from '../mesh/model/names.ts';
import { cachedConfig, decodeClusterConfig, encodeClusterConfig } from '../mesh/wire/cluster-config.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { ReflectedPeer, ReflectedPeers } from './reflect/port.ts';

export function peerOutcomes(peers: PeerSet, admission: AdmissionEngine): ReflectedPeers {
  return {
    get known() {
      return peers.known;
    },
    names: () => peers.names,
    peer: (name) => peerOutcome(name, peers, admission),
  };
}

function peerOutcome(name: ClusterName, peers: PeerSet, admission: AdmissionEngine): ReflectedPeer | undefined {
  const link = peers.state(name);
  if (link === undefined) return undefined;
  const id = admission.standing(name)?.id;
  const { freshness, synced } = link;
  return {
    record: { name, ...(id === undefined ? {} : { id }), freshness, synced },
    admitted: admission.admitted(name),
    quarantined: admission.encodedQuarantine(name),
    // Only when asked for: a changed record does not change these, and is looked up by the same way.
    get config() {
      return configOf(admission.admittedConfig(name));
    },
    get card() {
      return admission.admittedCard(name);
    },
    complete: synced && !admission.isFrozen(name),
  };
}

function configOf(bytes: Uint8Array | undefined): Uint8Array | undefined {
  const config = bytes === undefined ? undefined : decodeClusterConfig(bytes);
  return config?.ok === true ? encodeClusterConfig(cachedConfig(config.value)) : undefined;
}

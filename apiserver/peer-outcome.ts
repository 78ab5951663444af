// What the reflector is to write of each peer: admission's outcome, and the state of the peer's link.

import type { ClusterName } from '../mesh/model/names.ts';
import { cachedConfig, decodeClusterConfig, encodeClusterConfig } from '../mesh/wire/cluster-config.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { ReflectedPeer, ReflectedPeers } from './reflect/port.ts';

export function peerOutcomes(peers: PeerSet, admission: AdmissionEngine): ReflectedPeers {
  const configOf = cachedConfigs();
  return {
    get known() {
      return peers.known;
    },
    names: () => peers.names,
    peer: (name) => peerOutcome(name, peers, admission, configOf),
  };
}

function peerOutcome(
  name: ClusterName,
  peers: PeerSet,
  admission: AdmissionEngine,
  configOf: ConfigOf,
): ReflectedPeer | undefined {
  const link = peers.pulse(name);
  if (link === undefined) return undefined;
  return {
    admitted: admission.admitted(name),
    quarantined: admission.encodedQuarantine(name),
    // Only when asked for: a changed record does not change these, and is looked up by the same way.
    get record() {
      const id = admission.standing(name)?.id;
      const { freshness, synced } = link;
      return { name, ...(id === undefined ? {} : { id }), freshness, synced };
    },
    get config() {
      return configOf(admission.admittedConfig(name));
    },
    get card() {
      return admission.admittedCard(name);
    },
    pieces: (wholeKey) => admission.admittedPieces(name, wholeKey),
    get inPieces() {
      return link.inPieces;
    },
    get complete() {
      return link.synced && !admission.isFrozen(name);
    },
  };
}

type ConfigOf = (admitted: Uint8Array | undefined) => Uint8Array | undefined;

/** A config as it is cached, made once for the bytes that were admitted: they are asked for with every record of the peer. */
function cachedConfigs(): ConfigOf {
  const made = new WeakMap<Uint8Array, Uint8Array>();
  return (admitted) => {
    if (admitted === undefined) return undefined;
    const known = made.get(admitted);
    if (known !== undefined) return known;
    const config = decodeClusterConfig(admitted);
    if (!config.ok) return undefined;
    const cached = encodeClusterConfig(cachedConfig(config.value));
    made.set(admitted, cached);
    return cached;
  };
}

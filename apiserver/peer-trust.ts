// The watch over the trust between this cluster and its peers, with what the other parts know of them.

import type { ClusterName } from '../mesh/model/names.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Random } from '../runtime/random.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { ApiServerConfig } from './config.ts';
import type { DoorTrust } from './door-trust.ts';
import { askDoor } from './peers/may-read.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { OpenDoor, PeerLinkState } from './peers/port.ts';
import type { PeerKnowledge } from './peers/seen-door.ts';
import { probeDoor } from './peers/trust-probe.ts';
import { PeerTrustWatch } from './peers/trust-watch.ts';

export interface PeerTrustDeps {
  readonly self: ClusterName;
  readonly config: ApiServerConfig;
  readonly peers: Pick<PeerSet, 'spec' | 'specs' | 'state' | 'handshake'>;
  readonly admission: Pick<AdmissionEngine, 'standing' | 'clockOffsetMs'>;
  readonly trust: Pick<DoorTrust, 'own' | 'storeOf'>;
  readonly openDoor: OpenDoor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export function watchPeerTrust({
  self,
  config,
  peers,
  admission,
  trust,
  openDoor,
  clock,
  random,
  log,
}: PeerTrustDeps): PeerTrustWatch {
  return new PeerTrustWatch({
    self,
    specs: () => peers.specs,
    spec: (peer) => peers.spec(peer),
    failures(peer) {
      const state = peers.state(peer);
      return (state?.failures ?? 0) + (state?.disconnects ?? 0);
    },
    link: (peer) => linkOf(peers.state(peer)),
    handshake: (peer) => peers.handshake(peer),
    known: (peer) => knownOf(peer, admission, trust),
    ownCa: () => trust.own,
    client: config.peers.client,
    probe: probeDoor,
    ask: askDoor(openDoor),
    clock,
    random,
    log: log.child({ part: 'trust' }),
  });
}

/** What the state of a link says of reading at its door. */
export function linkOf(
  state: Pick<PeerLinkState, 'phase' | 'failures' | 'disconnects'> | undefined,
): 'reads' | 'begins' | undefined {
  if (state?.phase === 'live') return 'reads';
  // A mirror that has not begun to ask counts as reconnecting: without a failure, the link is on its way all the same.
  const hasNotFailed = state !== undefined && state.failures + state.disconnects === 0;
  return hasNotFailed && state.phase !== 'failed' ? 'begins' : undefined;
}

/** A peer of which no card was ever seen may be a plain one: it is given the benefit of the doubt until it has shown a card. */
export function knownOf(
  peer: ClusterName,
  admission: PeerTrustDeps['admission'],
  trust: PeerTrustDeps['trust'],
): PeerKnowledge {
  const standing = admission.standing(peer);
  const admitted = standing?.admitted;
  return {
    plain: standing?.card === undefined && admitted === undefined,
    admittedPins: admitted?.trust.spkiPins,
    currentPins: standing?.card?.trust.spkiPins,
    ca: trust.storeOf(peer)?.join('\n') ?? '',
    clockOffsetMs: wholeMinutes(admission.clockOffsetMs(peer)),
  };
}

/** A difference that matters is one of minutes, and what is known anew has a chain judged anew. */
const wholeMinutes = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms / 60_000) * 60_000;

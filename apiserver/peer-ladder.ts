// The ladders to the peers, with what the other parts know of them.

import type { ClusterName } from '../mesh/model/names.ts';
import type { Clock } from '../runtime/clock.ts';
import { OperationalError } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import type { ApiServerConfig } from './config.ts';
import { LadderBook } from './peers/ladder/book.ts';
import { climbPeer } from './peers/ladder/ladder.ts';
import { systemNetwork } from './peers/ladder/network.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { OpenDoor } from './peers/port.ts';
import type { PeerKnowledge } from './peers/seen-door.ts';
import { probeDoor } from './peers/trust-probe.ts';

export interface PeerLadderDeps {
  readonly self: ClusterName;
  readonly config: ApiServerConfig;
  readonly peers: Pick<PeerSet, 'spec' | 'state'>;
  readonly known: (peer: ClusterName) => PeerKnowledge;
  readonly openDoor: OpenDoor;
  readonly clock: Clock;
  readonly log: Log;
}

export function peerLadders({ self, config, peers, known, openDoor, clock, log }: PeerLadderDeps): LadderBook {
  return new LadderBook({
    spec: (peer) => peers.spec(peer),
    failures(peer) {
      const state = peers.state(peer);
      return (state?.failures ?? 0) + (state?.disconnects ?? 0);
    },
    follows: (peer) => peers.state(peer)?.phase === 'live',
    climb(spec, signal) {
      const client = spec.client ?? config.peers.client;
      if (client === undefined) throw withoutCertificate(spec.name);
      return climbPeer(
        {
          self,
          spec,
          client,
          known: known(spec.name),
          link: () => peers.state(spec.name),
          network: systemNetwork,
          probe: probeDoor,
          openDoor,
          clock,
        },
        signal,
      );
    },
    clock,
    log: log.child({ part: 'ladder' }),
  });
}

const withoutCertificate = (peer: ClusterName): OperationalError =>
  new OperationalError({
    code: 'LADDER_NO_CERTIFICATE',
    operation: 'look at the way to a peer',
    subject: peer,
    reason: 'this cluster has no certificate to show: peers.client is not set',
    hint: 'set peers.client to the pair of the peer profile that pki init has made',
  });

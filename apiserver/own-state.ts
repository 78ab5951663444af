// Small readings of what the parts hold, for the composition: what admission is told beside a peer's own words, and what the
// HTTP documents need.

import type { Report } from '../mesh/conflict/report.ts';
import type { ClusterName, ServiceKey } from '../mesh/model/names.ts';
import type { LocalService } from '../mesh/model/service.ts';
import { cardKey } from '../mesh/wire/card.ts';
import { decodeLocalService, localServiceKey } from '../mesh/wire/local-service.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { QuarantineEntry } from './http/schema/quarantine.ts';
import type { PeerSet } from './peers/peer-set.ts';
import type { PeerIntake } from './peers/port.ts';
import type { KeyValue } from './store/port.ts';

/** Admission as the links see it: a new peer comes with its card as last admitted, and declarations are told on. */
export function peerIntake(
  admission: AdmissionEngine,
  own: ReadonlyMap<string, KeyValue>,
  onDeclarations: (peer: ClusterName) => void,
): PeerIntake {
  return {
    addPeer(peer) {
      const card = own.get(cardKey(peer));
      if (card !== undefined) admission.seedAdmittedCard(peer, card.value);
      admission.addPeer(peer);
    },
    applyPeerBatch: (peer, events) => admission.applyPeerBatch(peer, events),
    retainRecords: (peer, keys) => admission.retainRecords(peer, keys),
    recordCount: (peer) => admission.recordCount(peer),
    setCard(peer, bytes, writtenNow) {
      admission.setCard(peer, bytes, writtenNow);
      onDeclarations(peer);
    },
    setConfig(peer, bytes) {
      admission.setConfig(peer, bytes);
      onDeclarations(peer);
    },
    setFreshness: (peer, freshness) => admission.setFreshness(peer, freshness),
    removePeer: (peer) => admission.removePeer(peer),
  };
}

export function localServiceOf(own: ReadonlyMap<string, KeyValue>, key: ServiceKey): LocalService | undefined {
  const entry = own.get(localServiceKey(key));
  const service = entry === undefined ? undefined : decodeLocalService(entry.value);
  return service?.ok === true ? service.value : undefined;
}

export function quarantineEntries(admission: AdmissionEngine): readonly QuarantineEntry[] {
  return admission.peers.flatMap((peer) =>
    [...admission.quarantine(peer).values()].map(({ key, codes, findings, reason, since }) => ({
      peer,
      key,
      codes,
      findings,
      reason,
      since,
    })),
  );
}

/** Admission hears of freshness when it changes; how old a heartbeat is at the moment, the links know. */
export function withHeartbeatAges(report: Report, peers: Pick<PeerSet, 'pulse'>): Report {
  const age = (name: string) => peers.pulse(name as ClusterName)?.heartbeatAgeMs;
  return {
    ...report,
    peers: report.peers.map((peer) => {
      const ageMs = age(peer.name);
      return ageMs === undefined ? peer : { ...peer, age_ms: Math.round(ageMs) };
    }),
  };
}

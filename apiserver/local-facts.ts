// What admission needs to know of the own cluster, from its etcd: the published state that peers' claims are compared with,
// and the own card and config.

import type { ClusterName } from '../mesh/model/names.ts';
import { CARDS_PREFIX, cardKey } from '../mesh/wire/card.ts';
import { clusterConfigKey } from '../mesh/wire/cluster-config.ts';
import { isStateKey } from '../mesh/wire/state-keys.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { MirrorObserver, StoreEvent } from './store/port.ts';

/** `leading`: this replica writes what was admitted; the others take it over from there. */
export function localFacts(self: ClusterName, admission: AdmissionEngine, leading: () => boolean): MirrorObserver {
  const card = cardKey(self);
  const config = clusterConfigKey(self);
  /** What the leader admitted of a peer is history here too: a person may have decided so. */
  const takeOver = (name: string, value: Uint8Array | undefined) => {
    const peer = admission.peers.find((known) => known === name);
    if (peer !== undefined && value !== undefined && !leading()) admission.seedAdmittedCard(peer, value);
  };
  return {
    onBatch({ events }) {
      const records: StoreEvent[] = [];
      for (const event of events) {
        const key = event.type === 'put' ? event.kv.key : event.key;
        const value = event.type === 'put' ? event.kv.value : undefined;
        if (isStateKey(key)) records.push(event);
        else if (key === card) admission.setLocalCard(value);
        else if (key === config) admission.setLocalConfig(value);
        else if (key.startsWith(CARDS_PREFIX)) takeOver(key.slice(CARDS_PREFIX.length), value);
      }
      if (records.length > 0) admission.applyLocalBatch(records);
    },
  };
}

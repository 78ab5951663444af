// What admission needs to know of the own cluster, from its etcd: the published state that peers' claims are compared with,
// and the own card and config.

import type { ClusterName } from '../mesh/model/names.ts';
import { cardKey } from '../mesh/wire/card.ts';
import { clusterConfigKey } from '../mesh/wire/cluster-config.ts';
import { STATE_ROOT } from '../mesh/wire/state-keys.ts';
import type { AdmissionEngine } from './admission/engine.ts';
import type { MirrorObserver, StoreEvent } from './store/port.ts';

export function localFacts(self: ClusterName, admission: AdmissionEngine): MirrorObserver {
  const card = cardKey(self);
  const config = clusterConfigKey(self);
  return {
    onBatch({ events }) {
      const records: StoreEvent[] = [];
      for (const event of events) {
        const key = event.type === 'put' ? event.kv.key : event.key;
        const value = event.type === 'put' ? event.kv.value : undefined;
        if (key.startsWith(STATE_ROOT)) records.push(event);
        else if (key === card) admission.setLocalCard(value);
        else if (key === config) admission.setLocalConfig(value);
      }
      if (records.length > 0) admission.applyLocalBatch(records);
    },
  };
}

// Writes services into the maps as the agent would, for tests of what the programs make of them.

import {
  backendKey,
  backendValue,
  masterValue,
  type RowProtocol,
  reverseNatKey,
  reverseNatValue,
  serviceKey,
  slotValue,
} from '../../agent/maps/layout.ts';
import { mapNameOf, type ServiceMaps } from '../../agent/maps/port.ts';
import { familyOf } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';

export interface TestService {
  readonly address: string;
  readonly port: number;
  readonly protocol: RowProtocol;
  readonly revNatId: number;
  /** Ids; the slots, in order. */
  readonly backends: readonly number[];
  /** @default the number of backends */
  readonly count?: number;
  /** Seconds. @default no session affinity */
  readonly affinityTimeout?: number;
}

export async function writeBackend(maps: ServiceMaps, id: number, address: string, port: number): Promise<void> {
  const row = { address: address as IpAddress, port, protocol: 'TCP', state: 'active', clusterId: 2 } as const;
  await maps.update(mapNameOf('backends', familyOf(row.address)), [{ key: backendKey(id), value: backendValue(row) }]);
}

export async function writeService(maps: ServiceMaps, service: TestService): Promise<void> {
  const { port, protocol, revNatId, backends, count = backends.length, affinityTimeout = 0 } = service;
  const frontend = { address: service.address as IpAddress, port, protocol };
  const slots = backends.map((backendId, index) => ({
    key: serviceKey({ ...frontend, slot: index + 1 }),
    value: slotValue({ backendId, revNatId }),
  }));
  const master = {
    key: serviceKey({ ...frontend, slot: 0 }),
    value: masterValue({ count, revNatId, affinityTimeout }),
  };
  const family = familyOf(frontend.address);
  await maps.update(mapNameOf('services', family), [...slots, master]);
  await maps.update(mapNameOf('reverseNat', family), [
    { key: reverseNatKey(revNatId), value: reverseNatValue(frontend) },
  ]);
}

export async function removeMaster(maps: ServiceMaps, { port, protocol, ...service }: TestService): Promise<void> {
  const address = service.address as IpAddress;
  await maps.remove(mapNameOf('services', familyOf(address)), [serviceKey({ address, port, protocol, slot: 0 })]);
}

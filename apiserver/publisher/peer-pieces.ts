// The pieces in which peers read the services that this cluster shares: the head of each, and a record for each of its EndpointSlices.
// Keeps in mind which backends each slice names, so that a change of one slice costs what that slice does, and not the service.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { LocalService } from '../../mesh/model/service.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import type { ServiceSlices, SliceRef } from '../sources/service-slices.ts';
import { BackendStates } from './backend-states.ts';
import { serviceHead, serviceSlice } from './convert/peer-service.ts';
import type { ClusterSettings } from './settings.ts';

export interface PeerPiecesDeps {
  readonly cluster: Pick<ClusterSettings, 'name' | 'id'>;
  readonly slices: Pick<ServiceSlices, 'slicesOf' | 'sliceOf'>;
  /** Undefined: the key must not exist. */
  readonly set: (key: string, value: Uint8Array | undefined) => void;
}

export class PeerPieces {
  readonly #deps: PeerPiecesDeps;
  /** Of the services that are shared. */
  readonly #shared = new Map<ServiceKey, BackendStates>();

  constructor(deps: PeerPiecesDeps) {
    this.#deps = deps;
  }

  /** How many backends the service has; 0 when it is not shared. */
  backendsOf(service: ServiceKey): number {
    return this.#shared.get(service)?.size ?? 0;
  }

  /** `local`: what the service's own object says; undefined when it takes no part. A head comes after its slices, and goes before them. */
  setService(key: ServiceKey, local: LocalService | undefined): void {
    const { cluster, slices, set } = this.#deps;
    const head = local && serviceHead(local, cluster);
    const known = this.#shared.get(key);
    if (head !== undefined && known === undefined) {
      const own = slices.slicesOf(key);
      this.#shared.set(key, BackendStates.of(own));
      for (const { name } of own) this.#write({ service: key, slice: name });
    }
    set(serviceHeadKey(cluster.name, key), head && serviceHeadKind.encode(head));
    if (head !== undefined) return;
    this.#shared.delete(key);
    for (const slice of known?.slices ?? []) this.#write({ service: key, slice });
  }

  setSlice({ service, slice }: SliceRef): void {
    const states = this.#shared.get(service);
    if (states === undefined) return;
    const others = states.set(slice, this.#deps.slices.sliceOf({ service, slice }));
    for (const name of [slice, ...others]) this.#write({ service, slice: name });
  }

  #write(ref: SliceRef): void {
    const { cluster, slices, set } = this.#deps;
    const states = this.#shared.get(ref.service);
    const object = slices.sliceOf(ref);
    const record = states && object && serviceSlice(object, cluster, states);
    set(serviceSliceKey(cluster.name, ref), record && serviceSliceKind.encode(record));
  }
}

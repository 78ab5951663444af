// The pieces in which services are read: by the own cluster's view those that take part in the mesh, and by peers those that are shared.
// Of each there is a head, and a record for each of its EndpointSlices. Keeps in mind which backends each slice names, so that a
// change of one slice costs what that slice does, and not the service: the value with all backends, for Cilium's readers, is made of its
// text before and of the slices that are others.

import type { ServiceKey } from '../../mesh/model/names.ts';
import type { LocalService } from '../../mesh/model/service.ts';
import { encodeLocalService } from '../../mesh/wire/local-service.ts';
import { encodeLocalSlice, localHeadKey, localSliceKey } from '../../mesh/wire/local-slice.ts';
import { serviceHeadKey, serviceHeadKind } from '../../mesh/wire/service-head.ts';
import { type SliceName, serviceSliceKey, serviceSliceKind } from '../../mesh/wire/service-slice.ts';
import { type WholeService, wholeService } from '../../mesh/wire/whole-service.ts';
import type { ServiceSlices } from '../sources/service-slices.ts';
import { BackendStates } from './backend-states.ts';
import { localSlice } from './convert/local-slice.ts';
import { serviceHead, serviceSlice } from './convert/peer-service.ts';
import type { ClusterSettings } from './settings.ts';

export interface ServicePiecesDeps {
  readonly cluster: Pick<ClusterSettings, 'name' | 'id'>;
  readonly slices: Pick<ServiceSlices, 'slicesOf' | 'sliceOf'>;
  /** Undefined: the key must not exist. */
  readonly set: (key: string, value: Uint8Array | undefined) => void;
}

interface Known {
  readonly states: BackendStates;
  readonly shared: boolean;
  /** As peers are told of it; undefined where they are not. */
  readonly head: Uint8Array | undefined;
  /** Likewise, by the slice's name. */
  readonly slices: Map<string, Uint8Array>;
  /** As it was made last, where the next one can be made of it. */
  whole: WholeService | undefined;
}

export class ServicePieces {
  readonly #deps: ServicePiecesDeps;
  /** Of the services that take part in the mesh. */
  readonly #known = new Map<ServiceKey, Known>();

  constructor(deps: ServicePiecesDeps) {
    this.#deps = deps;
  }

  /** How many backends the service has; 0 when it takes no part. */
  backendsOf(service: ServiceKey): number {
    return this.#known.get(service)?.states.size ?? 0;
  }

  /** `head`: what the service's own object says; undefined when it takes no part. A head comes after its slices, and goes before them. */
  setService(key: ServiceKey, head: LocalService | undefined): void {
    const { cluster, slices, set } = this.#deps;
    const before = this.#known.get(key);
    const states = before?.states ?? BackendStates.of(slices.slicesOf(key));
    const forPeers = head && serviceHead(head, cluster);
    const now = head && {
      ...{ states, shared: head.shared, slices: before?.slices ?? new Map(), whole: before?.whole },
      head: forPeers && serviceHeadKind.encode(forPeers),
    };
    if (now === undefined) this.#known.delete(key);
    else this.#known.set(key, now);
    if (head === undefined) set(localHeadKey(key), undefined);
    if (forPeers === undefined) set(serviceHeadKey(cluster.name, key), undefined);
    // Of a service that is as it was, the slices say when they are not.
    if (before === undefined || before.shared !== now?.shared) {
      for (const slice of states.slices) this.#write({ service: key, slice });
    }
    if (head !== undefined) set(localHeadKey(key), encodeLocalService(head));
    if (now?.head !== undefined) set(serviceHeadKey(cluster.name, key), now.head);
  }

  setSlice({ service, slice }: SliceName): void {
    const known = this.#known.get(service);
    if (known === undefined) return;
    const others = known.states.set(slice, this.#deps.slices.sliceOf({ service, slice }));
    for (const name of [slice, ...others]) this.#write({ service, slice: name });
  }

  /**
   * What peers are told of, in one value; undefined where they are not. It says what the pieces say, as they were written: objects may be
   * others by now, whose turn is still to come.
   */
  whole(service: ServiceKey): Uint8Array | undefined {
    const known = this.#known.get(service);
    if (known?.head === undefined) return undefined;
    const whole = wholeService({ head: known.head, slices: [...known.slices.values()] }, known.whole);
    known.whole = whole?.isSpliceable === true ? whole : undefined;
    return whole?.bytes;
  }

  #write(name: SliceName): void {
    const { cluster, slices, set } = this.#deps;
    const known = this.#known.get(name.service);
    const object = known && slices.sliceOf(name);
    const local = object && localSlice(object, cluster);
    const forPeers = known?.shared === true ? object && serviceSlice(object, cluster, known.states) : undefined;
    const bytes = forPeers && serviceSliceKind.encode(forPeers);
    if (bytes === undefined) known?.slices.delete(name.slice);
    else known?.slices.set(name.slice, bytes);
    set(localSliceKey(name), local && encodeLocalSlice(local));
    set(serviceSliceKey(cluster.name, name), bytes);
  }
}

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
import { wholeLocalService } from '../../mesh/wire/whole-local-service.ts';
import { wholeService } from '../../mesh/wire/whole-service.ts';
import type { StoredPieces, WholeValue } from '../../mesh/wire/whole-value.ts';
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
  readonly forView: Written;
  readonly forPeers: Written;
}

/** What is written of a service, for those who read it in one form. */
interface Written {
  /** Undefined where there are no such readers. */
  head: Uint8Array | undefined;
  /** By the slice's name. */
  readonly slices: Map<string, Uint8Array>;
  /** The value with all backends as it was made last, where the next one can be made of it. */
  whole: WholeValue | undefined;
}

const nothing = (): Written => ({ head: undefined, slices: new Map(), whole: undefined });

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
    const peersHead = head && serviceHead(head, cluster);
    const { forView = nothing(), forPeers = nothing() } = before ?? {};
    forView.head = head && encodeLocalService(head);
    forPeers.head = peersHead && serviceHeadKind.encode(peersHead);
    const now = head && { states, shared: head.shared, forView, forPeers };
    if (now === undefined) this.#known.delete(key);
    else this.#known.set(key, now);
    if (head === undefined) set(localHeadKey(key), undefined);
    if (peersHead === undefined) set(serviceHeadKey(cluster.name, key), undefined);
    // Of a service that is as it was, the slices say when they are not.
    if (before === undefined || before.shared !== now?.shared) {
      for (const slice of states.slices) this.#write({ service: key, slice });
    }
    if (forView.head !== undefined) set(localHeadKey(key), forView.head);
    if (forPeers.head !== undefined) set(serviceHeadKey(cluster.name, key), forPeers.head);
  }

  setSlice({ service, slice }: SliceName): void {
    const known = this.#known.get(service);
    if (known === undefined) return;
    const others = known.states.set(slice, this.#deps.slices.sliceOf({ service, slice }));
    for (const name of [slice, ...others]) this.#write({ service, slice: name });
  }

  /** What peers are told of, in one value; undefined where they are not. */
  wholeForPeers(service: ServiceKey): Uint8Array | undefined {
    return wholeOf(this.#known.get(service)?.forPeers, wholeService);
  }

  /** What the own view reads, in one value; undefined where the service takes no part. */
  wholeForView(service: ServiceKey): Uint8Array | undefined {
    return wholeOf(this.#known.get(service)?.forView, wholeLocalService);
  }

  #write(name: SliceName): void {
    const { cluster, slices, set } = this.#deps;
    const known = this.#known.get(name.service);
    const object = known && slices.sliceOf(name);
    const local = object && localSlice(object, cluster);
    const forPeers = known?.shared === true ? object && serviceSlice(object, cluster, known.states) : undefined;
    const [localBytes, bytes] = [local && encodeLocalSlice(local), forPeers && serviceSliceKind.encode(forPeers)];
    note(known?.forView, name.slice, localBytes);
    note(known?.forPeers, name.slice, bytes);
    set(localSliceKey(name), localBytes);
    set(serviceSliceKey(cluster.name, name), bytes);
  }
}

function note(written: Written | undefined, slice: string, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) written?.slices.delete(slice);
  else written?.slices.set(slice, bytes);
}

/** It says what the pieces say, as they were written: objects may be others by now, whose turn is still to come. */
function wholeOf(
  written: Written | undefined,
  make: (pieces: StoredPieces, before?: WholeValue) => WholeValue | undefined,
): Uint8Array | undefined {
  if (written?.head === undefined) return undefined;
  const whole = make({ head: written.head, slices: [...written.slices.values()] }, written.whole);
  written.whole = whole?.isSpliceable === true ? whole : undefined;
  return whole?.bytes;
}

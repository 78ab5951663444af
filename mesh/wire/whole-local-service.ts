// The value of a service of the own cluster with all its backends, for replicas of older versions, made of its pieces (whole-value.ts). Pure,
// and the place with the rule for an address that several slices name: it is one backend, with the ports of all, and active where one
// says so. Of a port that they see differently the slice counts whose name sorts first.

import type { IpAddress } from '../model/names.ts';
import type { Backend, BackendState, NamedPort } from '../model/service.ts';
import { compareBackends, comparePorts, compareText } from '../snapshot/order.ts';
import { decodeLocalService, encodeLocalBackend, encodeLocalService } from './local-service.ts';
import { decodeLocalSlice, type LocalSliceRecord } from './local-slice.ts';
import { listBy } from './map-splice.ts';
import { type StoredPieces, type WholeForm, type WholeValue, wholeValue } from './whole-value.ts';

/** `before`: made of earlier pieces of the same service. Undefined where the head cannot be read. */
export const wholeLocalService = (pieces: StoredPieces, before?: WholeValue): WholeValue | undefined =>
  wholeValue(FORM, pieces, before);

const FORM: WholeForm = {
  collection: listBy('address'),
  compose(pieces) {
    const head = decodeLocalService(pieces.head);
    if (!head.ok) return undefined;
    const slices = readAll(pieces.slices);
    const { backends, areApart } = unite(slices);
    // One slice is made anew as fast.
    const isSpliceable = slices.length > 1 && areApart;
    return { bytes: encodeLocalService({ ...head.value, backends: backends.sort(compareBackends) }), isSpliceable };
  },
  entriesOf(stored) {
    const { backends, areApart } = unite(readAll(stored));
    if (!areApart) return undefined;
    return new Map([['backends', new Map(backends.map((one) => [one.address, encodeLocalBackend(one)]))]]);
  },
};

const readAll = (slices: readonly Uint8Array[]): readonly LocalSliceRecord[] =>
  slices.flatMap((bytes) => {
    const slice = decodeLocalSlice(bytes);
    return slice.ok ? [slice.value] : [];
  });

function unite(slices: readonly LocalSliceRecord[]): { readonly backends: Backend[]; readonly areApart: boolean } {
  const found = new Map<IpAddress, Backend>();
  let said = 0;
  for (const slice of [...slices].sort((a, b) => compareText(a.slice, b.slice))) {
    for (const [address, state] of statesIn(slice)) {
      const known = found.get(address);
      said += 1;
      found.set(address, known === undefined ? backendOf(slice, address, state) : united(known, state, slice.ports));
    }
  }
  return { backends: [...found.values()], areApart: said === found.size };
}

function* statesIn({ active, terminating }: LocalSliceRecord): Generator<readonly [IpAddress, BackendState]> {
  for (const address of active) yield [address, 'active'];
  for (const address of terminating) yield [address, 'terminating'];
}

const backendOf = ({ cluster, clusterId, ports }: LocalSliceRecord, address: IpAddress, state: BackendState): Backend =>
  ({ address, cluster, clusterId, state, ports }) as Backend;

function united(known: Backend, state: BackendState, more: readonly NamedPort[]): Backend {
  const missing = more.filter(({ name }) => !known.ports.some((port) => port.name === name));
  return {
    ...known,
    state: known.state === 'active' ? known.state : state,
    ports: [...known.ports, ...missing].sort(comparePorts),
  };
}

// The value of a service as Cilium's readers know it, with all its backends, made of its pieces (whole-value.ts). Pure.

import { BACKEND_FIELDS } from './cluster-service.ts';
import { encodeEntry, isPlainName } from './json-shape.ts';
import { serviceHeadKind } from './service-head.ts';
import { composeService, type Union, uniteSlices } from './service-pieces.ts';
import { type ServiceSliceRecord, serviceSliceKind } from './service-slice.ts';
import { type EntryTexts, type StoredPieces, type WholeForm, type WholeValue, wholeValue } from './whole-value.ts';

/** `before`: made of earlier pieces of the same service. Undefined where the head cannot be read. */
export const wholeService = (pieces: StoredPieces, before?: WholeValue): WholeValue | undefined =>
  wholeValue(FORM, pieces, before);

const FORM: WholeForm = {
  compose(pieces) {
    const head = serviceHeadKind.decode(pieces.head);
    if (!head.ok) return undefined;
    const slices = readAll(pieces.slices);
    const service = composeService(head.value, slices);
    // One slice is made anew as fast.
    const isSpliceable = slices.length > 1 && stayApart(slices, service);
    return { bytes: serviceHeadKind.encode(service), isSpliceable };
  },
  entriesOf(stored) {
    const slices = readAll(stored);
    const union = uniteSlices(slices);
    return stayApart(slices, union) ? textsOf(union) : undefined;
  },
};

type Field = keyof typeof BACKEND_FIELDS;
const FIELDS = Object.keys(BACKEND_FIELDS) as readonly Field[];

const readAll = (slices: readonly Uint8Array[]): readonly ServiceSliceRecord[] =>
  slices.flatMap((bytes) => {
    const slice = serviceSliceKind.decode(bytes);
    return slice.ok ? [slice.value] : [];
  });

/** `union`: of these slices. */
const stayApart = (slices: readonly ServiceSliceRecord[], union: Union): boolean =>
  FIELDS.every((field) => {
    const names = Object.keys(union[field] ?? {});
    const said = slices.reduce((sum, slice) => sum + Object.keys(slice[field] ?? {}).length, 0);
    return said === names.length && names.every(isPlainName);
  });

const textsOf = (union: Union): EntryTexts =>
  new Map(
    FIELDS.map((field) => {
      const entries = Object.entries(union[field] ?? {});
      return [field, new Map(entries.map(([name, value]) => [name, encodeEntry(name, value, BACKEND_FIELDS[field])]))];
    }),
  );

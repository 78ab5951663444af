// The value of a service as Cilium's readers know it, with all its backends, made of its pieces (whole-value.ts). Pure.

import { BACKEND_FIELDS, encodeClusterService } from './cluster-service.ts';
import { encodeEntry, isPlainName } from './json-shape.ts';
import { type PlainEntry, type PlainSlice, readPlainSlice } from './plain-slice.ts';
import { isAscending } from './plain-text.ts';
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
    const plain = plainEntries(pieces.slices);
    if (plain !== undefined && (head.value.hostnames ?? head.value.zones) === undefined) {
      return { bytes: encodeClusterService(head.value, mapTexts(plain)), isSpliceable: pieces.slices.length > 1 };
    }
    const slices = readAll(pieces.slices);
    const service = composeService(head.value, slices);
    // One slice is made anew as fast.
    const isSpliceable = slices.length > 1 && stayApart(slices, service);
    return { bytes: serviceHeadKind.encode(service), isSpliceable };
  },
  entriesOf(stored) {
    const plain = plainEntries(stored);
    if (plain !== undefined) {
      return new Map(plain.map(([field, all]) => [field, new Map(all.map(({ name, text }) => [name, text]))]));
    }
    const slices = readAll(stored);
    const union = uniteSlices(slices);
    return stayApart(slices, union) ? textsOf(union) : undefined;
  },
};

type Field = keyof typeof BACKEND_FIELDS;
const FIELDS = Object.keys(BACKEND_FIELDS) as readonly Field[];

type PlainEntries = readonly (readonly [Field, readonly PlainEntry[]])[];

/** What the slices say, in the order of the names; undefined where one is not plain, or says something of what another one does. */
function plainEntries(stored: readonly Uint8Array[]): PlainEntries | undefined {
  const slices: PlainSlice[] = [];
  for (const bytes of stored) {
    const slice = readPlainSlice(bytes);
    if (slice === undefined) return undefined;
    slices.push(slice);
  }
  const united = FIELDS.map((field) => [field, inOrder(slices.map((slice) => slice[field]))] as const);
  return united.every(([, entries]) => isAscending(entries)) ? united : undefined;
}

function inOrder(lists: readonly (readonly PlainEntry[])[]): readonly PlainEntry[] {
  const [first = [], ...others] = lists;
  return others.length === 0 ? first : first.concat(...others).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Host names and zones are not written where there are none. */
const mapTexts = (entries: PlainEntries): ReadonlyMap<Field, string> =>
  new Map(
    entries
      .filter(([field, all]) => field === 'backends' || all.length > 0)
      .map(([field, all]) => [field, `{${all.map(({ text }) => text).join(',')}}`]),
  );

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

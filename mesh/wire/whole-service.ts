// The text of a whole service, made of the texts of its pieces. Where the earlier text is known and few slices are others since, only they
// are read, and their entries put into that text: of 5,000 backends in slices of a hundred that is a tenth of a millisecond or two for each
// slice, instead of 25 for all. Both ways lead to the same bytes, and where that is not certain, all is made anew. Pure.

import { BACKEND_FIELDS } from './cluster-service.ts';
import { encodeEntry, isPlainName } from './json-shape.ts';
import { type MapEdit, spliceMaps } from './map-splice.ts';
import { serviceHeadKind } from './service-head.ts';
import { composeService, type Union, uniteSlices } from './service-pieces.ts';
import { type ServiceSliceRecord, serviceSliceKind } from './service-slice.ts';

/** As they are stored. What is the same as before are the same bytes, and not only equal ones. */
export interface StoredPieces {
  readonly head: Uint8Array;
  readonly slices: readonly Uint8Array[];
}

export interface WholeService {
  readonly pieces: StoredPieces;
  readonly bytes: Uint8Array;
  /**
   * No slice says anything of an address that another one says as well, and names of addresses stand in the text as they are: so what a slice
   * says stands there without anything of others, and can be replaced.
   */
  readonly isSpliceable: boolean;
}

/** `before`: made of earlier pieces of the same service. Undefined where the head cannot be read. */
export function wholeService(pieces: StoredPieces, before?: WholeService): WholeService | undefined {
  return (before && splicedInto(before, pieces)) ?? composed(pieces);
}

function composed(pieces: StoredPieces): WholeService | undefined {
  const head = serviceHeadKind.decode(pieces.head);
  if (!head.ok) return undefined;
  const slices = readAll(pieces.slices);
  const service = composeService(head.value, slices);
  // One slice is made anew as fast.
  const isSpliceable = slices.length > 1 && stayApart(slices, service);
  return { pieces, bytes: serviceHeadKind.encode(service), isSpliceable };
}

function splicedInto(before: WholeService, pieces: StoredPieces): WholeService | undefined {
  if (!before.isSpliceable || before.pieces.head !== pieces.head) return undefined;
  const gone = missingIn(pieces.slices, before.pieces.slices);
  const come = missingIn(before.pieces.slices, pieces.slices);
  // Nothing is gained where most are read anyway.
  if (gone.length + come.length > pieces.slices.length) return undefined;
  const comes = readAll(come);
  const [old, next] = [uniteSlices(readAll(gone)), uniteSlices(comes)];
  if (!stayApart(comes, next)) return undefined;
  const edits = FIELDS.map((field) => [field, editsOf(field, old, next)] as const).filter(([, own]) => own.length > 0);
  const bytes = spliceMaps(before.bytes, new Map(edits));
  return bytes === undefined ? undefined : { pieces, bytes, isSpliceable: true };
}

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

function editsOf(field: Field, old: Union, next: Union): readonly MapEdit[] {
  const [was, is] = [old[field] ?? {}, next[field] ?? {}];
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].flatMap((name): readonly MapEdit[] => {
    const [before, after] = [entryOf(field, name, was), entryOf(field, name, is)];
    return before === after ? [] : [{ name, before, after }];
  });
}

const entryOf = (field: Field, name: string, map: Readonly<Record<string, unknown>>): string | undefined =>
  Object.hasOwn(map, name) ? encodeEntry(name, map[name], BACKEND_FIELDS[field]) : undefined;

function missingIn(others: readonly Uint8Array[], slices: readonly Uint8Array[]): readonly Uint8Array[] {
  const known = new Set(others);
  return slices.filter((slice) => !known.has(slice));
}

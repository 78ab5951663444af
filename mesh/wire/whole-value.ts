// The text of a value with all backends of a service, made of the texts of its pieces. Where the earlier text is known and few slices are
// others since, only they are read, and their entries put into that text: of 5,000 backends in slices of a hundred that is a tenth of a
// millisecond or two for each slice, instead of 15 to 25 for all. Both ways lead to the same bytes, and where that is not certain, all is
// made anew. Which values there are, and what they say of a backend, is whole-service.ts and whole-local-service.ts. Pure.

import { type Collection, type MapEdit, spliceMaps } from './map-splice.ts';

/** As they are stored. What is the same as before are the same bytes, and not only equal ones. */
export interface StoredPieces {
  readonly head: Uint8Array;
  readonly slices: readonly Uint8Array[];
}

export interface WholeValue {
  readonly pieces: StoredPieces;
  readonly bytes: Uint8Array;
  /**
   * No slice says anything of an address that another one says as well, and names of addresses stand in the text as they are: so what a slice
   * says stands there without anything of others, and can be replaced.
   */
  readonly isSpliceable: boolean;
}

/** The text of each entry by its name, by the field that it is in. */
export type EntryTexts = ReadonlyMap<string, ReadonlyMap<string, string>>;

export interface WholeForm {
  /** How entries stand in their fields. */
  readonly collection?: Collection;
  /** Undefined where the head cannot be read. */
  readonly compose: (pieces: StoredPieces) => Omit<WholeValue, 'pieces'> | undefined;
  /** What the slices say together; undefined where one of them says something of what another one does, or in another way than as it is. */
  readonly entriesOf: (slices: readonly Uint8Array[]) => EntryTexts | undefined;
}

/** `before`: made of earlier pieces of the same service. Undefined where the head cannot be read. */
export function wholeValue(form: WholeForm, pieces: StoredPieces, before?: WholeValue): WholeValue | undefined {
  const spliced = before && splicedInto(form, before, pieces);
  if (spliced !== undefined) return spliced;
  const composed = form.compose(pieces);
  return composed && { pieces, ...composed };
}

function splicedInto(
  { collection, entriesOf }: WholeForm,
  before: WholeValue,
  pieces: StoredPieces,
): WholeValue | undefined {
  if (!before.isSpliceable || before.pieces.head !== pieces.head) return undefined;
  const gone = missingIn(pieces.slices, before.pieces.slices);
  const come = missingIn(before.pieces.slices, pieces.slices);
  // Nothing is gained where most are read anyway.
  if (gone.length + come.length > pieces.slices.length) return undefined;
  const [old, next] = [entriesOf(gone), entriesOf(come)];
  if (old === undefined || next === undefined) return undefined;
  const edits = new Map<string, readonly MapEdit[]>();
  for (const field of new Set([...old.keys(), ...next.keys()])) {
    const own = editsOf(old.get(field) ?? NONE, next.get(field) ?? NONE);
    if (own.length > 0) edits.set(field, own);
  }
  const bytes = spliceMaps(before.bytes, edits, collection);
  return bytes === undefined ? undefined : { pieces, bytes, isSpliceable: true };
}

const NONE: ReadonlyMap<string, string> = new Map();

const editsOf = (old: ReadonlyMap<string, string>, next: ReadonlyMap<string, string>): readonly MapEdit[] =>
  [...new Set([...old.keys(), ...next.keys()])].flatMap((name): readonly MapEdit[] => {
    const [before, after] = [old.get(name), next.get(name)];
    return before === after ? [] : [{ name, before, after }];
  });

function missingIn(others: readonly Uint8Array[], slices: readonly Uint8Array[]): readonly Uint8Array[] {
  const known = new Set(others);
  return slices.filter((slice) => !known.has(slice));
}

// Entries of maps, and of lists whose objects begin with their name, in the JSON text of a stored value, replaced, added and taken out, while the text of all others is passed on as it is:
// of a value with thousands of entries that costs a look at each byte and a copy, instead of making every entry and its text anew. It
// reads text that json-shape.ts has written and no other: without spaces, names in byte order. Pure.

/** How the entries that are edited stand in the text. */
export interface Collection {
  readonly open: number;
  readonly close: number;
  /** What an entry has before its name. */
  readonly lead: Uint8Array;
  /** Behind the name that ends there. */
  readonly endOf: (text: Uint8Array, start: number, nameEnd: number) => number;
}

export interface MapEdit {
  /** Without characters that JSON escapes. */
  readonly name: string;
  /** The text of the entry as it stands, name and value; undefined where there is none yet. */
  readonly before: string | undefined;
  /** The one that it is to have; undefined where it goes. */
  readonly after: string | undefined;
}

/**
 * The text with those edits, by the field of the object whose map has the entries. Undefined where the text is not what the edits take
 * it for (a field that is not written, an entry that is not there, another one in its place), and where a map would have no entries left:
 * whether it is written then is not known here.
 */
export function spliceMaps(
  text: Uint8Array,
  edits: ReadonlyMap<string, readonly MapEdit[]>,
  collection: Collection = MAP,
): Uint8Array | undefined {
  const chunks: Uint8Array[] = [];
  let taken = 0;
  let found = 0;
  let at = 1;
  while (found < edits.size) {
    if (text[at] !== QUOTE) return undefined;
    const nameEnd = endOfString(text, at);
    const own = edits.get(Buffer.from(text.subarray(at + 1, nameEnd - 1)).toString());
    const value = nameEnd + 1;
    if (own === undefined) at = endOfValue(text, value);
    else {
      const spliced = spliceMap(text, value, own, collection);
      if (spliced === undefined) return undefined;
      chunks.push(text.subarray(taken, value), ...spliced.chunks);
      taken = spliced.end;
      at = spliced.end;
      found += 1;
    }
    if (text[at] === COMMA) at += 1;
  }
  chunks.push(text.subarray(taken));
  return joined(chunks);
}

interface SplicedMap {
  readonly chunks: readonly Uint8Array[];
  /** Of the map as it stood. */
  readonly end: number;
}

function spliceMap(
  text: Uint8Array,
  start: number,
  edits: readonly MapEdit[],
  { open, close, lead, endOf }: Collection,
): SplicedMap | undefined {
  if (text[start] !== open) return undefined;
  const pending = edits
    .map(({ name, before, after }) => ({ name: Buffer.from(name), before, after }))
    .sort((a, b) => Buffer.compare(a.name, b.name));
  const entries = new Entries(text);
  let next = 0;
  let at = start + 1;
  while (text[at] !== close) {
    const name = at + lead.length;
    if (Buffer.compare(text.subarray(at, name), lead) !== 0) return undefined;
    const nameEnd = endOfString(text, name);
    let order = 1;
    for (; next < pending.length; next += 1) {
      const edit = pending[next] as (typeof pending)[number];
      order = compareName(edit.name, text, name + 1, nameEnd - 1);
      if (order >= 0) break;
      if (edit.before !== undefined) return undefined;
      entries.add(edit.after);
    }
    const end = endOf(text, at, nameEnd);
    const edit = order === 0 ? pending[next] : undefined;
    if (edit === undefined) entries.keep(at, end);
    else {
      if (edit.before === undefined || !isText(text.subarray(at, end), edit.before)) return undefined;
      entries.add(edit.after);
      next += 1;
    }
    at = text[end] === COMMA ? end + 1 : end;
  }
  for (const edit of pending.slice(next)) {
    if (edit.before !== undefined) return undefined;
    entries.add(edit.after);
  }
  const chunks = entries.chunks(open, close);
  return chunks === undefined ? undefined : { chunks, end: at + 1 };
}

/** Of the map that comes to be: what is kept of the earlier text, in runs as long as possible, and what is new. */
class Entries {
  readonly #text: Uint8Array;
  readonly #items: Uint8Array[] = [];
  #start = 0;
  /** Of the run that is kept; 0 while there is none. */
  #end = 0;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  keep(start: number, end: number): void {
    if (this.#end === 0) this.#start = start;
    this.#end = end;
  }

  add(text: string | undefined): void {
    this.#endRun();
    if (text !== undefined) this.#items.push(Buffer.from(text));
  }

  /** Undefined where there are none. */
  chunks(open: number, close: number): readonly Uint8Array[] | undefined {
    this.#endRun();
    if (this.#items.length === 0) return undefined;
    const items = this.#items.flatMap((item, at) => (at === 0 ? [item] : [BETWEEN, item]));
    return [Uint8Array.of(open), ...items, Uint8Array.of(close)];
  }

  #endRun(): void {
    if (this.#end > 0) this.#items.push(this.#text.subarray(this.#start, this.#end));
    this.#end = 0;
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const [OPEN, CLOSE] = [0x7b, 0x7d];
const [OPEN_LIST, CLOSE_LIST] = [0x5b, 0x5d];
const BETWEEN = Uint8Array.of(COMMA);

const MAP: Collection = {
  ...{ open: OPEN, close: CLOSE, lead: new Uint8Array(0) },
  endOf: (text, _, nameEnd) => endOfValue(text, nameEnd + 1),
};

/** A list of objects in the order of a field, which is the first that is written of each. */
export const listBy = (field: string): Collection => ({
  ...{ open: OPEN_LIST, close: CLOSE_LIST, lead: Buffer.from(`{"${field}":`) },
  endOf: (text, start) => endOfValue(text, start),
});

/** In memory of its own: it is kept for long. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

const isText = (bytes: Uint8Array, text: string): boolean => Buffer.compare(bytes, Buffer.from(text)) === 0;

/** Of the name with the bytes from `start` to `end`: below zero where it comes before them. */
function compareName(name: Uint8Array, text: Uint8Array, start: number, end: number): number {
  const length = Math.min(name.length, end - start);
  for (let at = 0; at < length; at += 1) {
    const difference = (name[at] as number) - (text[start + at] as number);
    if (difference !== 0) return difference;
  }
  return name.length - (end - start);
}

/** Behind the closing quote of the string that opens at `start`. */
function endOfString(text: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

/** Behind the value that begins at `start`. */
function endOfValue(text: Uint8Array, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const byte = text[at];
    if (byte === QUOTE) {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    // Behind a number, true, false or null.
    if (depth === 0 && (byte === COMMA || byte === CLOSE)) return at;
    at += 1;
    if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE || byte === CLOSE_LIST) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return text.length;
}

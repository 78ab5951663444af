// The shape of a stored JSON value, said once: its check when it is read, and its bytes when it is written. Written as Go's
// encoding/json writes it, field order, sorted maps, omitted empty fields and escapes, so that equal values have equal bytes in
// every program. Fields that the shape does not name are kept, behind the known ones.
//
// A field that differs from a known one in upper and lower case only is refused: Go would read it as the known one, and so a
// reader would see another value than the one that was checked.

import { err, type Result } from '../model/result.ts';
import { decodeObject, encodeText, isObject, type JsonObject } from './json.ts';

export type Shape =
  | { readonly is: 'text' }
  | { readonly is: 'flag' }
  /** A whole number from 0 to `max`. */
  | { readonly is: 'whole'; readonly max: number }
  /** Whatever there is. */
  | { readonly is: 'any' }
  | { readonly is: 'list'; readonly of: Shape }
  /** Names are data: written in byte order. */
  | { readonly is: 'map'; readonly of: Shape }
  | ObjectShape;

export interface ObjectShape {
  readonly is: 'object';
  /** In the order in which they are written. */
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
  /** Names of the fields without which there is no value. */
  readonly required: readonly string[];
  readonly byFoldedName: ReadonlyMap<string, string>;
}

export interface Field {
  readonly name: string;
  readonly shape: Shape;
  /** Absent or null is an error. Otherwise both stand for Go's zero value. */
  readonly required: boolean;
  /** Not written where it is Go's zero value. */
  readonly omitEmpty: boolean;
}

export const text: Shape = { is: 'text' };
export const flag: Shape = { is: 'flag' };
export const anything: Shape = { is: 'any' };
export const whole = (max: number): Shape => ({ is: 'whole', max });
export const list = (of: Shape): Shape => ({ is: 'list', of });
export const map = (of: Shape): Shape => ({ is: 'map', of });

export const required = (shape: Shape) => ({ shape, required: true, omitEmpty: false });
export const optional = (shape: Shape) => ({ shape, required: false, omitEmpty: false });
export const omitEmpty = (shape: Shape) => ({ shape, required: false, omitEmpty: true });

/** Fields in the order in which they are written. */
export function object(fields: Readonly<Record<string, Omit<Field, 'name'>>>): ObjectShape {
  const named = Object.entries(fields).map(([name, field]) => ({ name, ...field }));
  return {
    is: 'object',
    fields: named,
    byName: new Map(named.map((field) => [field.name, field])),
    required: named.filter((field) => field.required).map(({ name }) => name),
    byFoldedName: new Map(named.map(({ name }) => [fold(name), name])),
  };
}

/** The value as it was written, when it has this shape. */
export function decodeShaped(bytes: Uint8Array, shape: ObjectShape, bytesMax: number): Result<JsonObject, string> {
  const value = decodeObject(bytes, bytesMax);
  if (!value.ok) return value;
  const problem = objectProblem(value.value, shape);
  return problem === undefined ? value : err(problem);
}

/** Absence and null stand for Go's zero values. A value that has all fields is not copied: copying costs more than decoding. */
export function withZeros(value: JsonObject, zeros: JsonObject): JsonObject {
  let complete: Record<string, unknown> | undefined;
  for (const name of Object.keys(zeros)) {
    if ((value[name] ?? null) === null && value[name] !== zeros[name]) {
      complete ??= { ...value };
      complete[name] = zeros[name];
    }
  }
  return complete ?? value;
}

/** `texts`: of fields whose values are in a text already. Where it has one, what the value says of the field does not count. */
export const encodeShaped = (value: object, shape: ObjectShape, texts = NO_TEXTS): Uint8Array =>
  encodeText(writeObject(value as JsonObject, shape, texts));

const NO_TEXTS: ReadonlyMap<string, string> = new Map();

/** An entry of a map, name and value, as it stands in the text of the map. `of`: the shape of its values. */
export const encodeEntry = (name: string, value: unknown, of: Shape): string => `${quote(name)}:${write(value, of)}`;

/** An element of a list, as it stands in the text of that. */
export const encodeElement = (value: object, of: ObjectShape): string => writeObject(value as JsonObject, of);

/** The name stands in a text as it is, between quotes. */
export const isPlainName = (name: string): boolean => quote(name).length === name.length + 2;

// --- Reading ---

/** What is wrong with it, behind its place. The place is put together on the way out: good values pay nothing for it. */
function problemOf(value: unknown, shape: Shape): string | undefined {
  switch (shape.is) {
    case 'text':
      return typeof value === 'string' ? undefined : ' is not a text';
    case 'flag':
      return typeof value === 'boolean' ? undefined : ' is not true or false';
    case 'whole':
      return isWhole(value, shape.max) ? undefined : ` is not a whole number from 0 to ${shape.max}`;
    case 'list':
      return listProblem(value, shape.of);
    case 'map':
      return mapProblem(value, shape.of);
    case 'object': {
      if (!isObject(value)) return ' is not an object';
      const problem = objectProblem(value, shape);
      return problem === undefined ? undefined : `.${problem}`;
    }
    case 'any':
      return undefined;
    default:
      return shape satisfies never;
  }
}

/** JSON has a negative zero, and Go no whole number for it. */
const isWhole = (value: unknown, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max && !Object.is(value, -0);

function listProblem(value: unknown, of: Shape): string | undefined {
  if (!Array.isArray(value)) return ' is not a list';
  for (const [index, element] of value.entries()) {
    const problem = problemOf(element, of);
    if (problem !== undefined) return `[${index}]${problem}`;
  }
  return undefined;
}

function mapProblem(value: unknown, of: Shape): string | undefined {
  if (!isObject(value)) return ' is not a map';
  for (const name in value) {
    const problem = problemOf(value[name], of);
    if (problem !== undefined) return `["${name}"]${problem}`;
  }
  return undefined;
}

/** What was parsed has no fields but its own, so that none need be listed first. */
function objectProblem(value: JsonObject, shape: ObjectShape): string | undefined {
  for (const name in value) {
    const field = shape.byName.get(name);
    if (field === undefined) {
      const known = shape.byFoldedName.get(fold(name));
      if (known !== undefined) return `${name} differs from ${known} in upper and lower case only`;
      continue;
    }
    const element = value[name];
    if (element === null) continue;
    const problem = problemOf(element, field.shape);
    if (problem !== undefined) return name + problem;
  }
  const missing = shape.required.find((name) => !Object.hasOwn(value, name) || value[name] === null);
  return missing === undefined ? undefined : `${missing} is missing`;
}

/** Equal for names that Go takes for the same: Unicode's simple case folding, of which two pairs reach ASCII from outside. */
const fold = (name: string): string => name.toLowerCase().replaceAll('\u017f', 's').replaceAll('\u212a', 'k');

// --- Writing ---

function write(value: unknown, shape: Shape): string {
  if (value === null || value === undefined) return 'null';
  switch (shape.is) {
    case 'list':
      return `[${(value as readonly unknown[]).map((element) => write(element, shape.of)).join(',')}]`;
    case 'map':
      return writeMap(value as JsonObject, shape.of);
    case 'object':
      return writeObject(value as JsonObject, shape);
    default:
      return quote(value);
  }
}

function writeMap(value: JsonObject, of: Shape): string {
  const names = Object.keys(value);
  if (!isSorted(names)) names.sort(compareAsBytes);
  return `{${names.map((name) => encodeEntry(name, value[name], of)).join(',')}}`;
}

function writeObject(value: JsonObject, shape: ObjectShape, texts = NO_TEXTS): string {
  const written: string[] = [];
  for (const field of shape.fields) {
    const known = texts.get(field.name);
    if (known !== undefined) {
      written.push(`"${field.name}":${known}`);
      continue;
    }
    const element = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (element === undefined || (field.omitEmpty && isEmpty(element, field.shape))) continue;
    written.push(`"${field.name}":${write(element, field.shape)}`);
  }
  for (const [name, element] of Object.entries(value)) {
    if (!shape.byName.has(name) && element !== undefined) written.push(`${quote(name)}:${quote(element)}`);
  }
  return `{${written.join(',')}}`;
}

/** What Go's omitempty leaves out; it never leaves out a structure. */
function isEmpty(value: unknown, shape: Shape): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true;
  if (shape.is === 'list') return (value as readonly unknown[]).length === 0;
  return shape.is === 'map' && Object.keys(value as JsonObject).length === 0;
}

/** What another program wrote is. */
function isSorted(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at += 1)
    if (compareAsBytes(names[at - 1] ?? '', names[at] ?? '') > 0) return false;
  return true;
}

/** The order of the UTF-8 bytes. It is that of code points, which units of UTF-16 keep except for surrogates. */
function compareAsBytes(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at += 1) {
    const [unitA, unitB] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (unitA !== unitB) return rank(unitA) - rank(unitB);
  }
  return a.length - b.length;
}

const rank = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);

/** Go escapes these so that JSON may stand inside HTML. Outside strings they do not occur. */
const ESCAPED_BY_GO = /[<>&\u2028\u2029]/g;
const escapeAsGo = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
const quote = (value: unknown): string => {
  const json = JSON.stringify(value);
  return json.search(ESCAPED_BY_GO) < 0 ? json : json.replace(ESCAPED_BY_GO, escapeAsGo);
};

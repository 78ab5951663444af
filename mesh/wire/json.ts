// JSON as Cilium's Go programs write and read it: objects decoded without a schema library, for speed, and encoded with the
// field order, sorted maps and escapes of encoding/json, so that equal values have equal bytes.

import { err, ok, type Result } from '../model/result.ts';

export type JsonObject = { readonly [name: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const utf8 = new TextDecoder('utf-8', { fatal: true });
const toUtf8 = new TextEncoder();

export const encodeText = (text: string): Uint8Array => toUtf8.encode(text);

export function decodeText(bytes: Uint8Array, bytesMax: number): Result<string, string> {
  if (bytes.length > bytesMax) return err(`${bytes.length} bytes are more than the limit of ${bytesMax}`);
  try {
    return ok(utf8.decode(bytes));
  } catch {
    return err('not UTF-8 text');
  }
}

export function decodeObject(bytes: Uint8Array, bytesMax: number): Result<JsonObject, string> {
  const text = decodeText(bytes, bytesMax);
  if (!text.ok) return text;
  try {
    const value: unknown = JSON.parse(text.value);
    return isObject(value) ? ok(value) : err('not a JSON object');
  } catch (error) {
    return err(`not JSON: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
}

/** Known fields first, in `order`; then the unknown ones as they came; absent ones are left out. */
export function encodeObject(value: object, order: readonly string[]): Uint8Array {
  const known = new Set(order);
  const fields = value as JsonObject;
  const arranged: [string, unknown][] = [];
  for (const name of order) if (fields[name] !== undefined) arranged.push([name, fields[name]]);
  for (const [name, field] of Object.entries(fields)) if (!known.has(name)) arranged.push([name, field]);
  const text = `{${arranged.map(([name, field]) => `${JSON.stringify(name)}:${JSON.stringify(field)}`).join(',')}}`;
  return encodeText(text.replace(/[<>&\u2028\u2029]/g, escapeAsGo));
}

const escapeAsGo = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A map with its keys in byte order, as encoding/json writes maps. */
export function sortedMap<T>(map: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

/** The first field that is not of its type, in words; `?` behind a type allows absence and null. */
export type FieldType = 'string' | 'number' | 'boolean' | 'object' | 'array';
export function checkFields(
  value: JsonObject,
  types: Readonly<Record<string, FieldType | `${FieldType}?`>>,
): string | undefined {
  for (const [name, wanted] of Object.entries(types)) {
    const field = value[name];
    const optional = wanted.endsWith('?');
    if (field === undefined || field === null) {
      if (!optional) return `${name} is missing`;
      continue;
    }
    const type = optional ? wanted.slice(0, -1) : wanted;
    const actual = Array.isArray(field) ? 'array' : typeof field;
    if (actual !== type) return `${name} is not of type ${type}`;
  }
  return undefined;
}

// JSON text of stored values, read so that it means the same to every reader. Values of peers are passed on as the bytes that
// were checked here, and Go programs read them: Go merges a map that appears twice where JavaScript takes the last, so an
// object that names a field twice is refused. Numbers are doubles: a whole number beyond 2^53 in a field that is not known
// here loses its last digits when a value is written again.

import { err, ok, type Result } from '../model/result.ts';

export type JsonObject = { readonly [name: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Deeper than any structure of ours; what is deeper could exhaust the stack of whoever walks it. */
const DEPTH_MAX = 32;

// A byte order mark is part of the text: it must come back when the text is written again, and JSON has none.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
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
  return text.ok ? parseObject(text.value) : text;
}

function parseObject(text: string): Result<JsonObject, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return err(`not JSON: ${error instanceof Error ? error.message : 'syntax error'}`);
  }
  if (!isObject(value)) return err('not a JSON object');
  const names = countNames(value, 0);
  if (names === undefined) return err(`nested deeper than ${DEPTH_MAX}`);
  return names === countWrittenNames(text) ? ok(value) : err('names a field twice');
}

/** Field names in the parsed value, at any depth; undefined when it is too deep. What was parsed has no fields but its own. */
function countNames(value: unknown, depth: number): number | undefined {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth >= DEPTH_MAX) return undefined;
  if (Array.isArray(value)) return countNamesIn(value, depth);
  let count = 0;
  for (const name in value) {
    const child: unknown = (value as JsonObject)[name];
    const below = typeof child === 'object' ? countNames(child, depth + 1) : 0;
    if (below === undefined) return undefined;
    count += 1 + below;
  }
  return count;
}

function countNamesIn(list: readonly unknown[], depth: number): number | undefined {
  let count = 0;
  for (const child of list) {
    const below = countNames(child, depth + 1);
    if (below === undefined) return undefined;
    count += below;
  }
  return count;
}

const BACKSLASH = 0x5c;
const COLON = 0x3a;

/** Strings that a colon follows, in text that is known to be JSON. */
function countWrittenNames(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at)) {
    at = endOfString(text, at);
    while (isSpace(text.charCodeAt(at))) at += 1;
    if (text.charCodeAt(at) === COLON) count += 1;
  }
  return count;
}

/** Behind the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  let close = text.indexOf('"', start + 1);
  while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close < 0 ? text.length : close + 1;
}

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

// What another cluster says, fit to be shown to a person: no text in it steers a terminal, or is endless.

import { printable } from '../../pki/trust/printable.ts';

/** The same value with every text in it printable. What the other side is judged by is what it sent, not this. */
export function shown<T>(value: T): T {
  return printed(value) as T;
}

function printed(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(printed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, printed(inner)]));
}

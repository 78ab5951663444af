// Texts out of foreign certificates, fit to be shown: what could steer a terminal is written as its number, and what is endless is
// cut.

/** Longer than any honest name; a certificate may hold 100 KiB of them. */
const SHOWN_MAX = 256;

export function printable(text: string): string {
  const escaped = text
    .slice(0, SHOWN_MAX)
    .replace(/\p{C}/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
  return text.length > SHOWN_MAX ? `${escaped}…` : escaped;
}

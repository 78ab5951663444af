// Reads DER, the encoding of certificates, as far as certificates need it: definite lengths and tags of one octet. OpenSSL's
// arithmetic stays OpenSSL's; this only gets at the fields that node:crypto does not show. It throws DerError on anything
// else, which certificate.ts turns into a reason.

export class DerError extends Error {}

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly bytes: Uint8Array;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The tag of a field that is named by a number: `[3]`, with what it holds inside it or in its place. */
export const contextTag = (number: number, constructed = true): number => 0x80 | (constructed ? 0x20 : 0) | number;

/** All elements of a content, in order. */
export function elementsOf(content: Uint8Array): readonly Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < content.length; ) {
    const element = elementAt(content, at);
    elements.push(element);
    at += element.bytes.length;
  }
  return elements;
}

/** The one element that a content is. */
export function soleElement(content: Uint8Array, tag: number): Element {
  const element = elementAt(content, 0);
  if (element.bytes.length !== content.length) throw new DerError('holds octets after its end');
  return expectTag(element, tag);
}

export function expectTag(element: Element | undefined, tag: number): Element {
  if (element === undefined) throw new DerError('ends too early');
  if (element.tag !== tag) throw new DerError(`holds tag ${element.tag} where ${tag} is expected`);
  return element;
}

export const sequenceOf = (element: Element | undefined): readonly Element[] =>
  elementsOf(expectTag(element, TAG.sequence).content);

function elementAt(content: Uint8Array, start: number): Element {
  const tag = content[start];
  const first = content[start + 1];
  if (tag === undefined || first === undefined) throw new DerError('ends too early');
  if ((tag & 0x1f) === 0x1f) throw new DerError('holds a tag of several octets');
  let at = start + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    // Four octets count to more than any certificate has; none at all is the indefinite form, which DER forbids.
    if (octets === 0 || octets > 4) throw new DerError('holds a length that DER does not allow');
    length = 0;
    for (let index = 0; index < octets; index += 1, at += 1) length = length * 256 + (content[at] ?? 0);
  }
  if (at + length > content.length) throw new DerError('ends too early');
  return { tag, content: content.subarray(at, at + length), bytes: content.subarray(start, at + length) };
}

export function objectId(element: Element | undefined): string {
  const { content } = expectTag(element, TAG.objectId);
  const arcs: number[] = [];
  let value = 0;
  for (const octet of content) {
    value = value * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      arcs.push(value);
      value = 0;
    }
  }
  const [first] = arcs;
  if (first === undefined || (content.at(-1) ?? 0x80) >= 0x80) throw new DerError('holds a broken object identifier');
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...arcs.slice(1)].join('.');
}

/** A whole number that is not negative and small enough to count with. */
export function smallInteger({ content }: Element): number {
  if (content.length === 0 || (content[0] ?? 0) >= 0x80) throw new DerError('holds a negative number');
  // What is larger than any path is as good as this.
  if (content.length > 6) return Number.MAX_SAFE_INTEGER;
  return content.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** A whole number of any size, hexadecimal, without leading zeros. */
export const numberText = ({ content }: Element): string => hex(content).replace(/^0+(?=.)/, '');

export const isTrue = ({ content }: Element): boolean => content.some((octet) => octet !== 0);

/** The bits of a BIT STRING as a number, the first bit the highest of 16; what is beyond 16 bits does not count. */
export function firstBits({ content }: Element): number {
  const unused = content[0];
  if (unused === undefined || unused > 7) throw new DerError('holds a broken bit string');
  return ((content[1] ?? 0) << 8) | (content[2] ?? 0);
}

/** Milliseconds since the epoch. RFC 5280 allows two forms, both in UTC and with seconds. */
export function instant(element: Element | undefined): number {
  const text = element === undefined ? '' : latin1(element.content);
  const short = element?.tag === TAG.utcTime ? /^(\d\d)(\d{10})Z$/.exec(text) : null;
  const full = short === null ? text : `${Number(short[1]) < 50 ? '20' : '19'}${text}`;
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (match === null || (short === null && element?.tag !== TAG.generalizedTime)) {
    throw new DerError('holds a time that is none');
  }
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) {
    throw new DerError('holds a time that is none');
  }
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

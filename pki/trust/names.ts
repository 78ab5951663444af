// The names inside certificates: X.501 names in the form in which they are compared, and alternative names. Names are compared
// as OpenSSL does (RFC 5280, 7.1): without regard to case and to repeated spaces, whatever string type they are written in.

import {
  contextTag,
  DerError,
  type Element,
  elementsOf,
  hex,
  latin1,
  objectId,
  sequenceOf,
  soleElement,
  TAG,
} from './der.ts';

/** One text for each part of a name, the outermost first; equal texts are equal names. */
export type CanonicalName = readonly string[];

export type GeneralName =
  | { readonly kind: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  | { readonly kind: 'directory'; readonly name: CanonicalName }
  | { readonly kind: 'other'; readonly tag: number };

const COMMON_NAME = '2.5.4.3';
const EMAIL_ADDRESS = '1.2.840.113549.1.9.1';

export const sameName = (a: CanonicalName, b: CanonicalName): boolean =>
  a.length === b.length && a.every((part, index) => part === b[index]);

export function canonicalName(name: Element): CanonicalName {
  return sequenceOf(name).map((part) =>
    elementsOf(part.content)
      .map((attribute) => {
        const [type, value] = sequenceOf(attribute);
        return `${objectId(type)}=${canonicalText(value)}`;
      })
      .sort()
      .join('+'),
  );
}

export const commonNames = (name: Element): readonly string[] => attributeTexts(name, COMMON_NAME);
export const emailAddresses = (name: Element): readonly string[] => attributeTexts(name, EMAIL_ADDRESS);

function attributeTexts(name: Element, wanted: string): readonly string[] {
  return sequenceOf(name).flatMap((part) =>
    elementsOf(part.content).flatMap((attribute) => {
      const [type, value] = sequenceOf(attribute);
      return objectId(type) === wanted && value !== undefined ? [textOf(value) ?? ''] : [];
    }),
  );
}

function canonicalText(value: Element | undefined): string {
  if (value === undefined) throw new DerError('holds a name without a value');
  const text = textOf(value);
  if (text === undefined) return `#${hex(value.bytes)}`;
  return text
    .replace(/[\t\n\v\f\r ]+/g, ' ')
    .replace(/^ | $/g, '')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function textOf({ tag, content }: Element): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      return Buffer.from(content).toString('utf8');
    case TAG.printableString:
    case TAG.teletexString:
    case TAG.ia5String:
    case TAG.visibleString:
      return latin1(content);
    case TAG.bmpString:
      return wideText(content, 2);
    case TAG.universalString:
      return wideText(content, 4);
    default:
      return undefined;
  }
}

function wideText(content: Uint8Array, width: 2 | 4): string {
  if (content.length % width !== 0) throw new DerError('holds a broken text');
  let text = '';
  for (let at = 0; at < content.length; at += width) {
    const code = content.subarray(at, at + width).reduce((sum, octet) => sum * 256 + octet, 0);
    if (code > 0x10ffff) throw new DerError('holds a broken text');
    text += String.fromCodePoint(code);
  }
  return text;
}

/** Of a SEQUENCE of alternative names. */
export const generalNames = (sequence: Element): readonly GeneralName[] => sequenceOf(sequence).map(generalName);

export function generalName(element: Element): GeneralName {
  const { tag, content } = element;
  switch (tag) {
    case contextTag(1, false):
      return { kind: 'email', value: latin1(content) };
    case contextTag(2, false):
      return { kind: 'dns', value: latin1(content) };
    case contextTag(4):
      return { kind: 'directory', name: canonicalName(soleElement(content, TAG.sequence)) };
    case contextTag(6, false):
      return { kind: 'uri', value: latin1(content) };
    case contextTag(7, false):
      return { kind: 'ip', bytes: content };
    default:
      return { kind: 'other', tag };
  }
}

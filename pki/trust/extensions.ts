// The extensions of a certificate (RFC 5280, 4.2) that decide whether it may stand in a path.

import {
  contextTag,
  DerError,
  type Element,
  expectTag,
  firstBits,
  hex,
  isTrue,
  numberText,
  objectId,
  sequenceOf,
  smallInteger,
  soleElement,
  TAG,
} from './der.ts';
import { type CanonicalName, type GeneralName, generalName, generalNames } from './names.ts';

/** Bits of the key usage. */
export const KEY_USAGE = {
  digitalSignature: 0x8000,
  keyEncipherment: 0x2000,
  keyAgreement: 0x0800,
  keyCertSign: 0x0400,
} as const;

export interface Subtree {
  readonly base: GeneralName;
  /** Distances, which RFC 5280 forbids to use. */
  readonly bounded: boolean;
}

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

export interface AuthorityKeyId {
  /** Hexadecimal. */
  readonly keyId: string | undefined;
  readonly issuer: CanonicalName | undefined;
  readonly serial: string | undefined;
}

export interface Extensions {
  readonly basicConstraints: { readonly ca: boolean; readonly pathLength: number | undefined } | undefined;
  /** Bits of KEY_USAGE; undefined: for anything. */
  readonly keyUsage: number | undefined;
  /** Object identifiers; undefined: for anything. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  /** Bits of the old Netscape extension; undefined: for anything. */
  readonly netscapeType: number | undefined;
  readonly altNames: readonly GeneralName[];
  readonly nameConstraints: NameConstraints | undefined;
  /** Hexadecimal. */
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: AuthorityKeyId | undefined;
  /** Critical extensions that OpenSSL does not process either: whoever meets one must refuse. */
  readonly unknownCritical: readonly string[];
  /** RFC 3820: a user's certificate that issues further ones. TLS does not accept them. */
  readonly proxy: boolean;
}

const ID = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  netscapeType: '2.16.840.1.113730.1.1',
  proxy: '1.3.6.1.5.5.7.1.14',
} as const;

/** What OpenSSL processes when it is marked critical, beside what is read here. */
const PROCESSED: ReadonlySet<string> = new Set([
  ID.keyUsage,
  ID.subjectAltName,
  ID.basicConstraints,
  ID.nameConstraints,
  ID.extendedKeyUsage,
  ID.netscapeType,
  ID.proxy,
  '2.5.29.31', // CRL distribution points
  '2.5.29.32', // certificate policies
  '2.5.29.33', // policy mappings
  '2.5.29.36', // policy constraints
  '2.5.29.54', // inhibit any policy
  '1.3.6.1.5.5.7.1.7', // IP address blocks
  '1.3.6.1.5.5.7.1.8', // AS numbers
  '1.3.6.1.5.5.7.48.1.5', // no OCSP check
]);

/** `field`: the certificate's field `[3]`; absent before version 3. */
export function readExtensions(field: Element | undefined): Extensions {
  const values = new Map<string, Uint8Array>();
  const unknownCritical: string[] = [];
  for (const extension of field === undefined ? [] : sequenceOf(soleElement(field.content, TAG.sequence))) {
    const [type, ...rest] = sequenceOf(extension);
    const id = objectId(type);
    const critical = rest[0]?.tag === TAG.boolean && isTrue(rest[0]);
    if (values.has(id)) throw new DerError(`holds the extension ${id} twice`);
    values.set(id, expectTag(rest.at(-1), TAG.octetString).content);
    if (critical && !PROCESSED.has(id)) unknownCritical.push(id);
  }
  const read = <T>(id: string, tag: number, value: (element: Element) => T): T | undefined => {
    const content = values.get(id);
    return content === undefined ? undefined : value(soleElement(content, tag));
  };
  return {
    basicConstraints: read(ID.basicConstraints, TAG.sequence, basicConstraints),
    keyUsage: read(ID.keyUsage, TAG.bitString, firstBits),
    extendedKeyUsage: read(ID.extendedKeyUsage, TAG.sequence, (element) => sequenceOf(element).map(objectId)),
    netscapeType: read(ID.netscapeType, TAG.bitString, firstBits),
    altNames: read(ID.subjectAltName, TAG.sequence, generalNames) ?? [],
    nameConstraints: read(ID.nameConstraints, TAG.sequence, nameConstraints),
    subjectKeyId: read(ID.subjectKeyId, TAG.octetString, ({ content }) => hex(content)),
    authorityKeyId: read(ID.authorityKeyId, TAG.sequence, authorityKeyId),
    unknownCritical,
    proxy: values.has(ID.proxy),
  };
}

function basicConstraints(element: Element): { readonly ca: boolean; readonly pathLength: number | undefined } {
  const parts = sequenceOf(element);
  const ca = parts.find(({ tag }) => tag === TAG.boolean);
  const pathLength = parts.find(({ tag }) => tag === TAG.integer);
  return {
    ca: ca !== undefined && isTrue(ca),
    pathLength: pathLength === undefined ? undefined : smallInteger(pathLength),
  };
}

function nameConstraints(element: Element): NameConstraints {
  const parts = sequenceOf(element);
  const subtrees = (number: number): readonly Subtree[] => {
    const field = parts.find(({ tag }) => tag === contextTag(number));
    return field === undefined ? [] : sequenceOf({ ...field, tag: TAG.sequence }).map(subtree);
  };
  return { permitted: subtrees(0), excluded: subtrees(1) };
}

function subtree(element: Element): Subtree {
  const [base, ...bounds] = sequenceOf(element);
  if (base === undefined) throw new DerError('holds a name constraint without a name');
  const bounded = bounds.some(
    (bound) => bound.tag !== contextTag(0, false) || bound.content.some((octet) => octet !== 0),
  );
  return { base: generalName(base), bounded };
}

function authorityKeyId(element: Element): AuthorityKeyId {
  const parts = sequenceOf(element);
  const part = (tag: number) => parts.find((candidate) => candidate.tag === tag);
  const keyId = part(contextTag(0, false));
  const issuer = part(contextTag(1));
  const serial = part(contextTag(2, false));
  const directory = (issuer === undefined ? [] : generalNames({ ...issuer, tag: TAG.sequence })).find(
    (name) => name.kind === 'directory',
  );
  return {
    keyId: keyId === undefined ? undefined : hex(keyId.content),
    issuer: directory?.name,
    serial: serial === undefined ? undefined : numberText(serial),
  };
}

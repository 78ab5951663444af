// Name constraints (RFC 5280, 4.2.1.10): which names an authority may vouch for. What OpenSSL cannot judge it refuses, and so does
// this.

import type { Certificate } from './certificate.ts';
import type { NameConstraints } from './extensions.ts';
import type { CanonicalName, GeneralName } from './names.ts';
import { isSelfIssued } from './pool.ts';
import { printable } from './printable.ts';

type Match = 'inside' | 'outside' | 'unjudgeable';

/** The first name of the certificate that the constraints do not allow, with the reason; undefined when there is none. */
export function constraintViolation(
  certificate: Certificate,
  constraints: NameConstraints,
  isLeaf: boolean,
): string | undefined {
  // An authority's certificate for itself, made while it is replaced, is not about names.
  if (!isLeaf && isSelfIssued(certificate)) return undefined;
  for (const name of constrainedNames(certificate, isLeaf)) {
    const problem = violation(name, constraints);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function constrainedNames(certificate: Certificate, isLeaf: boolean): readonly GeneralName[] {
  const { subject, altNames, emailAddresses, commonNames } = certificate;
  const names: GeneralName[] = [...altNames, ...emailAddresses.map((value) => ({ kind: 'email' as const, value }))];
  if (subject.length > 0) names.push({ kind: 'directory', name: subject });
  // A common name stands in for a DNS name where there is none, so that it is bound like one.
  if (isLeaf && !altNames.some(({ kind }) => kind === 'dns')) {
    for (const value of commonNames) if (looksLikeHost(value)) names.push({ kind: 'dns', value });
  }
  return names;
}

const looksLikeHost = (text: string): boolean =>
  /^[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)+$/.test(text);

function violation(name: GeneralName, { permitted, excluded }: NameConstraints): string | undefined {
  const ofKind = (subtrees: NameConstraints['permitted']) => subtrees.filter(({ base }) => sameKind(base, name));
  const [allowed, denied] = [ofKind(permitted), ofKind(excluded)];
  if ([...allowed, ...denied].some(({ bounded }) => bounded))
    return 'the name constraints use distances, which nobody may';
  const matches = allowed.map(({ base }) => matchName(name, base));
  if (matches.length > 0 && !matches.includes('inside')) {
    return `${nameText(name)} is not among the permitted ${allowed.map(({ base }) => nameText(base)).join(', ')}`;
  }
  for (const { base } of denied) {
    if (matchName(name, base) !== 'outside') return `${nameText(name)} is excluded by ${nameText(base)}`;
  }
  return undefined;
}

const sameKind = (a: GeneralName, b: GeneralName): boolean =>
  a.kind === b.kind && (a.kind !== 'other' || b.kind !== 'other' || a.tag === b.tag);

function matchName(name: GeneralName, base: GeneralName): Match {
  if (name.kind === 'directory' && base.kind === 'directory') return within(isPrefix(base.name, name.name));
  if (name.kind === 'ip' && base.kind === 'ip') return matchAddress(name.bytes, base.bytes);
  if (name.kind === 'dns' && base.kind === 'dns') return within(matchesDomain(lower(name.value), lower(base.value)));
  if (name.kind === 'email' && base.kind === 'email') return matchEmail(name.value, base.value);
  if (name.kind === 'uri' && base.kind === 'uri') return matchUri(lower(name.value), lower(base.value));
  return 'unjudgeable';
}

const within = (inside: boolean): Match => (inside ? 'inside' : 'outside');
const lower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const isPrefix = (base: CanonicalName, name: CanonicalName): boolean => base.every((part, at) => part === name[at]);

const matchesDomain = (name: string, base: string): boolean =>
  base === '' || name === base || (name.endsWith(base) && (base.startsWith('.') || name.at(-base.length - 1) === '.'));

function matchAddress(address: Uint8Array, base: Uint8Array): Match {
  if (address.length !== 4 && address.length !== 16) return 'unjudgeable';
  if (base.length !== 8 && base.length !== 32) return 'unjudgeable';
  if (base.length !== address.length * 2) return 'outside';
  return within(
    address.every((octet, at) => {
      const mask = base[address.length + at] ?? 0;
      return (octet & mask) === ((base[at] ?? 0) & mask);
    }),
  );
}

function matchEmail(address: string, base: string): Match {
  const at = address.lastIndexOf('@');
  if (at < 0) return 'unjudgeable';
  const host = lower(address.slice(at + 1));
  const baseAt = base.lastIndexOf('@');
  if (base.startsWith('.')) return within(host.endsWith(lower(base)));
  if (baseAt < 0) return within(host === lower(base));
  const sameMailbox = baseAt === 0 || address.slice(0, at) === base.slice(0, baseAt);
  return within(sameMailbox && host === lower(base.slice(baseAt + 1)));
}

/** The host of the URI against a host, or a domain that begins with a dot. */
function matchUri(uri: string, base: string): Match {
  const host = /^[^:]*:\/\/([^:/]+)/.exec(uri)?.[1];
  if (host === undefined) return 'unjudgeable';
  return within(base.startsWith('.') ? host.length > base.length && host.endsWith(base) : host === base);
}

function nameText(name: GeneralName): string {
  switch (name.kind) {
    case 'directory':
      return `the subject ${printable(name.name.join(', '))}`;
    case 'ip':
      return `the address ${[...name.bytes].join('.')}`;
    case 'other':
      return 'a name of a rare kind';
    default:
      return `the ${name.kind === 'email' ? 'address' : name.kind.toUpperCase()} ${name.value === '' ? '(any)' : printable(name.value)}`;
  }
}

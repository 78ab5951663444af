// What one record says of addresses, in the form that takes least: a mesh has as many claims as it has endpoints, and as many uses
// as services have backends. Nearly every record claims one address, and a service uses thousands in the same way; the few
// others have a list.

export interface Claim {
  /** Canonical text of the address, or of a prefix. */
  readonly address: string;
  readonly strength: 'endpoint' | 'node' | 'use';
  /** Within what the cluster declares, and not forfeited: an unsound claim loses against any sound one. */
  readonly sound: boolean;
}

/** The backends of a service claim nothing. */
export interface Uses {
  readonly used: readonly string[];
}

/** Each address once. */
export type Claims = Claim | readonly Claim[] | Uses;

export const NO_CLAIMS: Claims = [];

const isList = (claims: Claims): claims is readonly Claim[] => Array.isArray(claims);
const isUses = (claims: Claims): claims is Uses => 'used' in claims;

function sizeOf(claims: Claims): number {
  if (isUses(claims)) return claims.used.length;
  return isList(claims) ? claims.length : 1;
}

function addressAt(claims: Claims, index: number): string | undefined {
  return isUses(claims) ? claims.used[index] : claimAt(claims, index)?.address;
}

function claimAt(claims: Claims, index: number): Claim | undefined {
  if (isUses(claims)) {
    const address = claims.used[index];
    return address === undefined ? undefined : { address, strength: 'use', sound: false };
  }
  if (isList(claims)) return claims[index];
  return index === 0 ? claims : undefined;
}

export function* addressesOf(claims: Claims): Generator<string> {
  for (let index = 0; index < sizeOf(claims); index += 1) yield addressAt(claims, index) ?? '';
}

const NEITHER: Omit<Claim, 'address'> = { strength: 'use', sound: false };

/** What a record that is known to speak of the address says of it. */
export function claimTo(claims: Claims, address: string): Omit<Claim, 'address'> {
  if (isUses(claims)) return NEITHER;
  return isList(claims) ? (claims.find((claim) => claim.address === address) ?? NEITHER) : claims;
}

export function sameClaims(a: Claims, b: Claims): boolean {
  if (a === b || (isUses(a) && isUses(b) && a.used === b.used)) return true;
  const size = sizeOf(a);
  if (size !== sizeOf(b)) return false;
  for (let index = 0; index < size; index += 1) if (!sameAt(a, index, b, index)) return false;
  return true;
}

/** What is between the first and the last difference: one changed backend of thousands costs one. */
export function changeBetween(
  before: Claims,
  after: Claims,
): { readonly taken: readonly Claim[]; readonly put: readonly Claim[] } {
  const [sizeBefore, sizeAfter] = [sizeOf(before), sizeOf(after)];
  const shorter = Math.min(sizeBefore, sizeAfter);
  let head = 0;
  while (head < shorter && sameAt(before, head, after, head)) head += 1;
  let tail = 0;
  while (tail < shorter - head && sameAt(before, sizeBefore - 1 - tail, after, sizeAfter - 1 - tail)) tail += 1;
  return { taken: slice(before, head, sizeBefore - tail), put: slice(after, head, sizeAfter - tail) };
}

function sameAt(a: Claims, indexA: number, b: Claims, indexB: number): boolean {
  if (isUses(a) && isUses(b)) return a.used[indexA] === b.used[indexB];
  const [claimA, claimB] = [claimAt(a, indexA), claimAt(b, indexB)];
  return (
    claimA?.address === claimB?.address && claimA?.strength === claimB?.strength && claimA?.sound === claimB?.sound
  );
}

function slice(claims: Claims, from: number, to: number): readonly Claim[] {
  const some: Claim[] = [];
  for (let index = from; index < to; index += 1) {
    const claim = claimAt(claims, index);
    if (claim !== undefined) some.push(claim);
  }
  return some;
}

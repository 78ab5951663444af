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

/** To the address that the record's key names: what it says is the same for very many, which share it. */
export interface OwnClaim {
  readonly own: true;
  readonly strength: Claim['strength'];
  readonly sound: boolean;
}

export const OWN_ENDPOINT: Readonly<Record<'sound' | 'unsound', OwnClaim>> = {
  sound: { own: true, strength: 'endpoint', sound: true },
  unsound: { own: true, strength: 'endpoint', sound: false },
};

/** Each address once. */
export type Claims = Claim | OwnClaim | readonly Claim[] | Uses;

/** What knows the address of an OwnClaim. */
export interface Addressed {
  readonly claims: Claims;
  readonly address: string;
}

export const NO_CLAIMS: Claims = [];

const isList = (claims: Claims): claims is readonly Claim[] => Array.isArray(claims);
const isUses = (claims: Claims): claims is Uses => 'used' in claims;
const isOwn = (claims: Claims): claims is OwnClaim => 'own' in claims;

function sizeOf(claims: Claims): number {
  if (isUses(claims)) return claims.used.length;
  return isList(claims) ? claims.length : 1;
}

function addressAt(record: Addressed, index: number): string | undefined {
  const { claims } = record;
  return isUses(claims) ? claims.used[index] : claimAt(record, index)?.address;
}

function claimAt({ claims, address: own }: Addressed, index: number): Claim | undefined {
  if (isUses(claims)) {
    const address = claims.used[index];
    return address === undefined ? undefined : { address, strength: 'use', sound: false };
  }
  if (isList(claims)) return claims[index];
  if (index > 0) return undefined;
  return isOwn(claims) ? { address: own, strength: claims.strength, sound: claims.sound } : claims;
}

export function* addressesOf(record: Addressed): Generator<string> {
  for (let index = 0; index < sizeOf(record.claims); index += 1) yield addressAt(record, index) ?? '';
}

const NEITHER: Pick<Claim, 'strength' | 'sound'> = { strength: 'use', sound: false };

/** What a record that is known to speak of the address says of it. */
export function claimTo(claims: Claims, address: string): Pick<Claim, 'strength' | 'sound'> {
  if (isUses(claims)) return NEITHER;
  return isList(claims) ? (claims.find((claim) => claim.address === address) ?? NEITHER) : claims;
}

/** Of one record. */
export function sameClaims(record: Addressed, claims: Claims): boolean {
  const before = record.claims;
  if (before === claims || (isUses(before) && isUses(claims) && before.used === claims.used)) return true;
  const size = sizeOf(before);
  const after = { claims, address: record.address };
  if (size !== sizeOf(claims)) return false;
  for (let index = 0; index < size; index += 1) if (!sameAt(record, index, after, index)) return false;
  return true;
}

/** What is between the first and the last difference: one changed backend of thousands costs one. */
export function changeBetween(
  before: Addressed,
  claims: Claims,
): { readonly taken: readonly Claim[]; readonly put: readonly Claim[] } {
  const after = { claims, address: before.address };
  const [sizeBefore, sizeAfter] = [sizeOf(before.claims), sizeOf(claims)];
  const shorter = Math.min(sizeBefore, sizeAfter);
  let head = 0;
  while (head < shorter && sameAt(before, head, after, head)) head += 1;
  let tail = 0;
  while (tail < shorter - head && sameAt(before, sizeBefore - 1 - tail, after, sizeAfter - 1 - tail)) tail += 1;
  return { taken: slice(before, head, sizeBefore - tail), put: slice(after, head, sizeAfter - tail) };
}

function sameAt(a: Addressed, indexA: number, b: Addressed, indexB: number): boolean {
  if (isUses(a.claims) && isUses(b.claims)) return a.claims.used[indexA] === b.claims.used[indexB];
  const [claimA, claimB] = [claimAt(a, indexA), claimAt(b, indexB)];
  return (
    claimA?.address === claimB?.address && claimA?.strength === claimB?.strength && claimA?.sound === claimB?.sound
  );
}

function slice(record: Addressed, from: number, to: number): readonly Claim[] {
  const some: Claim[] = [];
  for (let index = from; index < to; index += 1) {
    const claim = claimAt(record, index);
    if (claim !== undefined) some.push(claim);
  }
  return some;
}

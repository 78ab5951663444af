// When a leaf that still serves says that nothing renews it. One rule for everybody who looks: the program that shows the leaf, its
// peers, and who judges a chain from a file.

import { certificatesOf } from './pem.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Renewal at two thirds of a life leaves a third; this is when it has failed for a while. */
const LEFT_SHARE = 0.2;
/** For people, an hour is little; of a year, two weeks are enough. */
const LEFT_MS_MIN = HOUR_MS;
const LEFT_MS_MAX = 14 * DAY_MS;
/** A leaf of a few hours is renewed with less than an hour left, and nothing is late then. */
const LEFT_SHARE_MAX = 1 / 4;

export interface Validity {
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** How much of its life a leaf must have left for its renewal not to be late. */
export function leafLeftMs({ notBefore, notAfter }: Validity): number {
  const life = notAfter - notBefore;
  return Math.min(LEFT_SHARE_MAX * life, Math.max(LEFT_MS_MIN, Math.min(LEFT_SHARE * life, LEFT_MS_MAX)));
}

/** Of the first certificate of a PEM text, which must be a good one. */
export function leafValidity(certificate: string): Validity {
  const [leaf] = certificatesOf(certificate);
  if (leaf === undefined) throw new Error('holds no PEM certificate');
  return { notBefore: Date.parse(leaf.validFrom), notAfter: Date.parse(leaf.validTo) };
}

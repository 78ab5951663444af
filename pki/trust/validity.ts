// Time: certificates outside their validity (CM-TRUST-004), told apart by whether a clock explains it, and those that will be
// (CM-TRUST-005).

import { leafLeftMs, type Validity } from '../../runtime/tls/expiry.ts';
import type { Member } from './pool.ts';
import { called, summaryOf, type TrustProblem, timeText } from './problem.ts';

export interface ClockView {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The peer's clock minus ours, where its card told. */
  readonly offsetMs: number | undefined;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Clocks that are further apart than this break validation (see the terms of CM-CFG-004). */
const SKEW_MS = 5 * MINUTE_MS;
/** Nobody issues for later by less than this: what begins sooner was made just now, by a clock that is ahead of ours. */
const ISSUED_AHEAD_MS = DAY_MS;

export interface Outside {
  readonly aspect: 'expired' | 'clock' | 'not yet valid';
  readonly reason: string;
  readonly presented: string;
  readonly expected: string;
  readonly remedy: string;
}

/** As OpenSSL counts, the last second is no longer part of the validity. */
export function validityProblem(
  member: Member,
  { now, offsetMs }: ClockView,
  path: readonly Member[],
): Outside | undefined {
  const { notBefore, notAfter } = member;
  if (now >= notBefore && now < notAfter) return undefined;
  const presented = `valid from ${timeText(notBefore)} to ${timeText(notAfter)}`;
  const expected = `valid at ${timeText(Math.floor(now / 1000) * 1000)}`;
  const goodThere = offsetMs !== undefined && now + offsetMs >= notBefore && now + offsetMs < notAfter;
  const setClock = 'Set the clock of this cluster, or that of the peer: compare both with a third.';
  if (now < notBefore) {
    const ahead = notBefore - now;
    const others = path.filter((other) => other !== member && now < other.notBefore).length;
    const clock = goodThere || ahead <= ISSUED_AHEAD_MS || others > 0;
    return {
      aspect: clock ? 'clock' : 'not yet valid',
      reason: `${called(member)} is valid only from ${timeText(notBefore)}, in ${span(ahead)}${
        clock ? ': more likely a clock is wrong than that it was issued for later' : ''
      }`,
      presented,
      expected,
      remedy: clock
        ? setClock
        : `Use the certificate ${called(member)} from ${timeText(notBefore)} on, and an earlier one until then.`,
    };
  }
  const since = now - notAfter;
  const clock = goodThere || since < SKEW_MS;
  return {
    aspect: clock ? 'clock' : 'expired',
    reason: `${called(member)} expired on ${timeText(notAfter)}, ${span(since)} ago${
      clock ? ': within what clocks may differ, so either renewal is late or a clock is ahead' : ''
    }`,
    presented,
    expected,
    remedy: `Renew the certificate ${called(member)}, and compare the clocks of both clusters.`,
  };
}

/** Replacing an authority with an overlap takes all peers' administrators. */
export const CA_LEFT_MIN_MS = 90 * DAY_MS;

/** CM-TRUST-005, for certificates that are valid now. `path`: leaf first. */
export function expiryProblems(path: readonly Member[], now: number, who: string): readonly TrustProblem[] {
  return path.flatMap((member, depth) => {
    const problems: TrustProblem[] = [];
    const left = member.notAfter - now;
    const wanted = depth === 0 ? leafLeftMs(member) : CA_LEFT_MIN_MS;
    if (left > 0 && left < wanted && now >= member.notBefore) {
      problems.push({
        ...warning(member, 'expires'),
        reason: `${called(member)} expires on ${timeText(member.notAfter)}`,
        presented: `valid to ${timeText(member.notAfter)}`,
        expected: `${span(wanted)} left at least, for ${depth === 0 ? 'a leaf of this life' : 'an authority'}`,
        remedy:
          depth === 0
            ? `Renew the certificate of ${who}: look why its renewal is late.`
            : `Replace the authority ${called(member)} of ${who} with an overlap.`,
      });
    }
    const issuer = path[depth + 1];
    if (issuer !== undefined && issuer.notAfter < member.notAfter && issuer.notAfter > now) {
      problems.push({
        ...warning(issuer, `ends before ${depth === 0 ? 'its leaf' : 'what it issued'}`),
        reason: `${called(issuer)} ends on ${timeText(issuer.notAfter)}, before ${called(member)}, which it issued`,
        presented: `valid to ${timeText(issuer.notAfter)}`,
        expected: `valid to ${timeText(member.notAfter)} at least`,
        remedy: `Replace the authority ${called(issuer)} of ${who} before it ends.`,
      });
    }
    return problems;
  });
}

/** The first moment after `now` at which time alone may change what is found of a chain of these; Infinity where there is none. */
export function nextChange(certificates: readonly Validity[], now: number): number {
  const moments = certificates.flatMap((certificate) => {
    const { notBefore, notAfter } = certificate;
    // Which of them is a leaf depends on the path, and to look once too often costs little.
    const lefts = [leafLeftMs(certificate), CA_LEFT_MIN_MS];
    return [notBefore, notAfter, ...lefts.map((left) => notAfter - left + 1)];
  });
  return Math.min(...moments.filter((moment) => moment > now));
}

const warning = (member: Member, aspect: string) => ({
  code: 'CM-TRUST-005' as const,
  severity: 'warning' as const,
  aspect,
  certificate: summaryOf(member),
  issuers: [],
});

function span(ms: number): string {
  if (ms < 2 * MINUTE_MS) return `${Math.round(ms / 1000)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms / DAY_MS)} days`;
}

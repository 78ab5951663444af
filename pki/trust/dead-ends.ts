// Why a path does not reach the trust store: CM-TRUST-003 where the next certificate is nowhere to be found, CM-TRUST-001 where it
// is known and is not what it should be.

import { link } from './links.ts';
import type { Path } from './paths.ts';
import type { Member, Pool } from './pool.ts';
import { printable } from './printable.ts';
import { called, summaryOf, type TrustProblem } from './problem.ts';

export function endProblem({ members, end, namesakes }: Path, pool: Pool, who: string): readonly TrustProblem[] {
  const last = members.at(-1);
  if (last === undefined || end === 'anchored') return [];
  const expected = `an authority of the trust store: ${pool.stored.map(called).join(', ') || 'it has none that can be read'}`;
  const unread = pool.unreadable.length === 0 ? '' : `; ${pool.unreadable.map(printable).join('; ')}`;
  const issuer = `"${printable(last.issuerText)}"`;
  const fail = (aspect: string, reason: string, presented: string, remedy: string, expects = expected) => [
    link(last, namesakes, aspect, { reason: `${reason}${unread}`, presented, expected: expects, remedy }),
  ];
  switch (end) {
    case 'unknown-issuer':
      return [
        {
          code: 'CM-TRUST-003',
          severity: 'blocking',
          aspect: 'issuer',
          certificate: summaryOf(last),
          issuers: [],
          reason: `the path stops at ${called(last)}: its issuer ${issuer} was neither presented nor is it in the trust store${unread}`,
          presented: `${members.length === 1 ? 'the leaf' : `${members.length} certificates`}, up to issuer ${issuer}`,
          expected: `the certificate of ${issuer}, or ${expected}`,
          remedy: `Let ${who} present its whole chain, leaf first; where ${issuer} is its root, put that into the trust store bound to it, after comparing its pin.`,
        },
      ];
    case 'unknown-root':
      return fail(
        'root',
        `the path ends at ${called(last)}, which signed itself and is not in the trust store${namesakes.length > 0 ? ', although one of its name is' : ''}`,
        `the root ${last.pin}`,
        `Put the CA of ${who} into the trust store that is bound to it, after comparing the pin ${last.pin}.`,
      );
    case 'other-key':
      return fail(
        'signature',
        `${called(last)} names ${issuer} as its issuer, but its signature is not by the key of ${namesakes.map(called).join(' or ')}`,
        `signed by another key than ${pinsOf(namesakes)}`,
        `Compare the CA of ${who} with the one in the trust store, and bind the right one; issue the certificate anew if it was damaged.`,
        `signed by ${pinsOf(namesakes)}`,
      );
    case 'other-id':
      return fail(
        'identifier',
        `${namesakes.map(called).join(' and ')} signed ${called(last)}, but the key identifiers of the two do not fit, which TLS refuses`,
        `authority key identifier ${identifierText(last)}`,
        `Issue the certificate of ${who} anew, from the authority's present certificate.`,
        `subject key identifier ${namesakes.map(({ subjectKeyId }) => subjectKeyId ?? 'none').join(' or ')}`,
      );
    case 'store-intermediate':
      return fail(
        'not self-signed',
        `the trust store has ${called(last)}, an intermediate, without the root ${issuer}: an anchor must be self-signed, so TLS goes on to look for its issuer`,
        `the intermediate ${last.pin}`,
        `Put the root ${issuer} into the trust store of ${who} as well, after comparing its pin.`,
        `the self-signed certificate of ${issuer} in the trust store`,
      );
    case 'too-much':
      return fail(
        'limits',
        `there are more certificates or signatures than an honest chain has, and no path was found among the first`,
        `${pool.members.length} certificates`,
        `Let ${who} present its own chain alone.`,
      );
    default:
      return end satisfies never;
  }
}

const pinsOf = (members: readonly Member[]): string => members.map(({ pin }) => pin).join(' or ');

const identifierText = ({ authorityKeyId }: Member): string =>
  authorityKeyId?.keyId ?? `of the serial number ${authorityKeyId?.serial ?? 'none'}`;

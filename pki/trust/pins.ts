// CM-TRUST-008: an authority's key that was pinned is gone and none of the pinned ones is left. A rotation shows the old and the
// new key side by side for a while; a replacement that did not may be somebody else. Needs history: the pins of the card that was
// admitted last.

import { authorityKind, type Member } from './pool.ts';
import { called, summaryOf, type TrustProblem } from './problem.ts';

export interface PinHistory {
  readonly admitted: readonly string[];
  /** Of the card that the cluster shows now, where it is known. */
  readonly current: readonly string[] | undefined;
}

/** `path`: leaf first, as far as it was built. */
export function pinProblems(history: PinHistory, path: readonly Member[], who: string): readonly TrustProblem[] {
  const authorities = path.filter((member, depth) => depth > 0 && authorityKind(member) !== undefined);
  const shown = history.current ?? authorities.map(({ pin }) => pin);
  if (history.admitted.length === 0 || shown.length === 0) return [];
  if (shown.some((pin) => history.admitted.includes(pin))) return [];
  const top = authorities.at(-1);
  const what = top === undefined || history.current !== undefined ? 'the card' : called(top);
  return [
    {
      code: 'CM-TRUST-008',
      severity: 'blocking',
      aspect: 'pins',
      certificate: top === undefined ? undefined : summaryOf(top),
      issuers: [],
      reason: `${what} shows none of the keys that ${who} was admitted with`,
      presented: shown.join(', '),
      expected: `one of ${history.admitted.join(', ')}`,
      remedy: `Compare the new pin of ${who} by another way, then confirm it.`,
    },
  ];
}

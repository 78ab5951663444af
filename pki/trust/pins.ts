// CM-TRUST-008, as far as a connection shows it: the chain leads to no key that was pinned. A rotation shows the old and the new key
// side by side for a while; a replacement that did not may be somebody else. Needs history: the pins of the card that was admitted
// last. What a card says of keys is judged with the card (mesh/conflict).

import { authorityKind, type Member } from './pool.ts';
import { called, summaryOf, type TrustProblem } from './problem.ts';

export interface PinHistory {
  readonly admitted: readonly string[];
  /** Of the card that the cluster shows now, where it is known: a key that stands there is judged with the card. */
  readonly current: readonly string[] | undefined;
}

/** `path`: leaf first, as far as it was built. */
export function pinProblems(history: PinHistory, path: readonly Member[], who: string): readonly TrustProblem[] {
  const authorities = path.filter((member, depth) => depth > 0 && authorityKind(member) !== undefined);
  const top = authorities.at(-1);
  if (history.admitted.length === 0 || top === undefined) return [];
  const shown = authorities.map(({ pin }) => pin);
  const announced = [...history.admitted, ...(history.current ?? [])];
  if (shown.some((pin) => announced.includes(pin))) return [];
  return [
    {
      code: 'CM-TRUST-008',
      severity: 'blocking',
      aspect: 'pins',
      certificate: summaryOf(top),
      issuers: [],
      reason: `${called(top)} shows none of the keys that ${who} was admitted with`,
      presented: shown.join(', '),
      expected: `one of ${history.admitted.join(', ')}`,
      remedy: `Compare the new pin of ${who} by another way, then confirm it.`,
    },
  ];
}

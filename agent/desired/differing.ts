// What of a service's frontends has to be counted anew. Snapshots share the backends that did not change, so that where one of
// thousands did, all the others are passed by with a comparison of references.

import type { DesiredBackend, DesiredFrontend } from './frontend.ts';

export interface Difference {
  /** To take away from a demand that holds `before`; each frontend without the backends that both have at its ends. */
  readonly less: readonly DesiredFrontend[];
  /** To add to it afterwards: it then holds `after`. */
  readonly more: readonly DesiredFrontend[];
}

export function differing(before: readonly DesiredFrontend[], after: readonly DesiredFrontend[]): Difference {
  const known = new Map(before.map((frontend) => [frontend.name, frontend]));
  const less = new Map(known);
  const more = after.map((frontend) => {
    const old = known.get(frontend.name);
    if (old === undefined) return frontend;
    const { head, tail } = sharedEnds(old.backends, frontend.backends);
    less.set(old.name, without(old, head, tail));
    return without(frontend, head, tail);
  });
  return { less: [...less.values()], more };
}

function sharedEnds(a: readonly DesiredBackend[], b: readonly DesiredBackend[]) {
  const shorter = Math.min(a.length, b.length);
  let head = 0;
  while (head < shorter && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < shorter - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return { head, tail };
}

const without = (frontend: DesiredFrontend, head: number, tail: number): DesiredFrontend => ({
  ...frontend,
  backends: frontend.backends.slice(head, frontend.backends.length - tail),
});

// What of a service's frontends has to be looked at anew. Snapshots share the backends that did not change, so that where one
// of thousands did, all the others are passed by with a comparison of references.

import type { Family } from '../../mesh/model/address.ts';
import { type Behind, behindOf, type DesiredFrontend, type DesiredService, NO_TARGETS } from './frontend.ts';
import type { Target } from './targets.ts';
import { type Unshared, unshared } from './unshared.ts';

/** Frontends as far as they are counted. */
export interface Counted extends Behind {
  readonly family: Family;
}

export interface Difference {
  /** To take away from a demand that holds `before`; each frontend without backends that both have. */
  readonly less: readonly Counted[];
  /** To add to it afterwards: it then holds `after`. */
  readonly more: readonly Counted[];
}

export function countedOf(frontend: DesiredFrontend): Counted {
  const { active, terminating } = behindOf(frontend);
  return { family: frontend.entrance.family, active, terminating };
}

export function differing(before: readonly DesiredFrontend[], after: readonly DesiredFrontend[]): Difference {
  if (before.length === 0 || after.length === 0) return { less: before.map(countedOf), more: after.map(countedOf) };
  const known = new Map(before.map((frontend) => [frontend.entrance, countedOf(frontend)]));
  const less = new Map(known);
  const more = after.map((frontend) => {
    const now = countedOf(frontend);
    const old = known.get(frontend.entrance);
    if (old === undefined) return now;
    const active = unshared(old.active, now.active);
    const terminating = unshared(old.terminating, now.terminating);
    less.set(frontend.entrance, { family: old.family, active: active.less, terminating: terminating.less });
    return { family: now.family, active: active.more, terminating: terminating.more };
  });
  return { less: [...less.values()], more };
}

/** The targets that a service wants no more, and those that it wants now, port by port. */
export function wantedDifference(
  before: DesiredService | undefined,
  after: DesiredService | undefined,
): Unshared<Target> {
  if (before === undefined || after === undefined) return { less: wantedBy(before), more: wantedBy(after) };
  const less: Target[] = [];
  const more: Target[] = [];
  const gone = new Set(before.behinds);
  for (const now of after.behinds) {
    const old = before.behinds.find(
      (b) => b.port === now.port && b.protocol === now.protocol && b.family === now.family,
    );
    if (old !== undefined) gone.delete(old);
    for (const part of ['active', 'terminating'] as const) {
      const changed = unshared(old?.[part] ?? NO_TARGETS, now[part]);
      less.push(...changed.less);
      more.push(...changed.more);
    }
  }
  for (const { active, terminating } of gone) less.push(...active, ...terminating);
  return { less, more };
}

function wantedBy(service: DesiredService | undefined): readonly Target[] {
  if (service === undefined) return NO_TARGETS;
  const [only, ...others] = service.behinds;
  if (only !== undefined && others.length === 0 && only.terminating.length === 0) return only.active;
  return service.behinds.flatMap(({ active, terminating }) => [...active, ...terminating]);
}

// What of a service's frontends has to be looked at anew. Snapshots share the backends that did not change, so that where one
// of thousands did, all the others are passed by with a comparison of references.

import { itemsOf } from '../../mesh/model/list.ts';
import {
  type BehindPort,
  behindOf,
  type DesiredFrontend,
  type DesiredService,
  type Entrance,
  NO_TARGETS,
} from './frontend.ts';
import type { Target } from './targets.ts';
import { type Unshared, unshared } from './unshared.ts';

/** Frontends as far as they are counted. */
export type Counted = Pick<DesiredFrontend, 'entrance' | 'backends' | 'active'>;

export interface Difference {
  /** To take away from a demand that holds `before`; each frontend without backends that both have. */
  readonly less: readonly Counted[];
  /** To add to it afterwards: it then holds `after`. */
  readonly more: readonly Counted[];
}

export function differing(before: readonly DesiredFrontend[], after: readonly DesiredFrontend[]): Difference {
  if (before.length === 0 || after.length === 0) return { less: before, more: after };
  const less = new Map<Entrance, Counted>(before.map((frontend) => [frontend.entrance, frontend]));
  const more = after.map((frontend): Counted => {
    const { entrance } = frontend;
    const old = before.find((known) => known.entrance === entrance);
    if (old === undefined) return frontend;
    const [was, is] = [behindOf(old), behindOf(frontend)];
    const active = unshared(was.active, is.active);
    const terminating = unshared(was.terminating, is.terminating);
    less.set(entrance, counted(entrance, active.less, terminating.less));
    return counted(entrance, active.more, terminating.more);
  });
  return { less: [...less.values()], more };
}

const counted = (entrance: Entrance, active: readonly Target[], terminating: readonly Target[]): Counted => ({
  entrance,
  backends: [...active, ...terminating],
  active: active.length,
});

/** The targets that a service wants no more, and those that it wants now, port by port. */
export function wantedDifference(
  before: DesiredService | undefined,
  after: DesiredService | undefined,
): Unshared<Target> {
  if (before === undefined || after === undefined) return { less: wantedBy(before), more: wantedBy(after) };
  const less: Target[] = [];
  const more: Target[] = [];
  const gone = new Set(behindsOf(before));
  for (const now of behindsOf(after)) {
    const old = [...gone].find((b) => isSamePort(b, now));
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
  const { frontends, behinds } = service;
  const [first] = frontends;
  if (first !== undefined && frontends.length === 1 && behinds.length === 0) return itemsOf(first.backends);
  return behindsOf(service).flatMap(({ active, terminating }) => [...active, ...terminating]);
}

type Wanted = Pick<BehindPort, 'port' | 'protocol' | 'family' | 'active' | 'terminating'>;

/** Frontends of one port differ in their addresses alone. */
function behindsOf({ frontends, behinds }: DesiredService): readonly Wanted[] {
  if (behinds.length > 0) return behinds;
  const found: Wanted[] = [];
  for (const frontend of frontends) {
    const { port, protocol, family } = frontend.entrance;
    if (found.some((known) => isSamePort(known, frontend.entrance))) continue;
    found.push({ port, protocol, family, ...behindOf(frontend) });
  }
  return found;
}

const isSamePort = (a: Port, b: Port): boolean =>
  a.port === b.port && a.protocol === b.protocol && a.family === b.family;

type Port = Pick<BehindPort, 'port' | 'protocol' | 'family'>;

import { describe, expect, test } from 'vitest';
import { linkOf } from './peer-trust.ts';
import type { PeerPhase } from './peers/port.ts';

const PHASES: readonly PeerPhase[] = ['connecting', 'verifying', 'listing', 'live', 'reconnecting', 'failed'];
const NEVER = { failures: 0, disconnects: 0 };

/** Of each phase, in their order. */
const said = (trouble: { readonly failures: number; readonly disconnects: number }) =>
  PHASES.map((phase) => linkOf({ phase, ...trouble }));

describe('what the trust watch is told of a link', () => {
  test('is nothing where there is no link', () => {
    expect(linkOf(undefined)).toBe(undefined);
  });

  test('is that it begins, on its first way there, and that it reads, once it is live', () => {
    expect(said(NEVER)).toEqual(['begins', 'begins', 'begins', 'reads', 'begins', undefined]);
  });

  test.each([
    ['failure', { failures: 1, disconnects: 0 }],
    ['disconnect', { failures: 0, disconnects: 1 }],
  ])('is nothing after a %s, so that the door is looked at, until it reads again', (_, trouble) => {
    expect(said(trouble)).toEqual([undefined, undefined, undefined, 'reads', undefined, undefined]);
  });
});

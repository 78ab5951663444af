// Builds every path from the leaf upwards. A path is complete when it reaches a self-signed certificate of the store; else it says
// where and why it ends. Names and key identifiers say where to look, and only a signature proves. An issuer that the store has by
// name and identifier is preferred to any that was presented, and from there on only the store counts: that is how OpenSSL goes, and
// so every TLS connection of the mesh. Where several fit (cross-signed, issued anew, two authorities of one name), each is tried.

import { sameName } from './names.ts';
import { identifies, isSelfSigned, type Member, type Pool } from './pool.ts';

/**
 * `anchored`: complete. `unknown-issuer`: the issuer was neither presented nor is it in the store. `unknown-root`: a self-signed
 * certificate that is not in the store. `other-key`: somebody bears the issuer's name, and did not sign. `other-id`: the issuer
 * signed, but identifiers contradict it. `store-intermediate`: the store has an intermediate without its root. `too-much`: more
 * certificates or signatures than an honest chain has.
 */
export type PathEnd =
  | 'anchored'
  | 'unknown-issuer'
  | 'unknown-root'
  | 'other-key'
  | 'other-id'
  | 'store-intermediate'
  | 'too-much';

export interface Path {
  /** Leaf first. */
  readonly members: readonly Member[];
  readonly end: PathEnd;
  /** Those that bear the name of the last one's issuer and are not it. */
  readonly namesakes: readonly Member[];
}

/** A real path has three to five. */
const PATH_LENGTH_MAX = 20;
/** Paths over which a choice is offered; cross-signing doubles them with each step. */
const PATHS_MAX = 64;

/** At least one; those that are complete, where there are any. */
export function pathsFrom(leaf: Member, pool: Pool): readonly Path[] {
  const paths: Path[] = [];
  extend([leaf], pool, paths);
  const anchored = paths.filter(({ end }) => end === 'anchored');
  return anchored.length > 0 ? anchored : paths;
}

function extend(members: readonly Member[], pool: Pool, paths: Path[]): void {
  const last = members.at(-1);
  if (last === undefined || paths.length >= PATHS_MAX) return;
  const end = (reason: PathEnd, namesakes: readonly Member[] = []) => paths.push({ members, end: reason, namesakes });
  if (isSelfSigned(last)) {
    const namesakes = pool.stored.filter((stored) => stored !== last && sameNameOtherKey(stored, last));
    end(last.storedAt === undefined ? 'unknown-root' : 'anchored', last.storedAt === undefined ? namesakes : []);
    return;
  }
  if (members.length >= PATH_LENGTH_MAX || !pool.withinLimits) {
    end('too-much');
    return;
  }
  const namesakes = pool.namesakesOfIssuer(last).filter((candidate) => !members.includes(candidate));
  const likely = namesakes.filter((candidate) => identifies(last, candidate));
  const stored = likely.filter(({ storedAt }) => storedAt !== undefined);
  const inStore = members.slice(1).some(({ storedAt }) => storedAt !== undefined);
  const candidates = stored.length > 0 || inStore ? stored : likely;
  const issuers = candidates.filter((candidate) => pool.signed(last, candidate));
  for (const issuer of issuers) extend([...members, issuer], pool, paths);
  if (issuers.length > 0) return;
  const misnamed = namesakes.filter((candidate) => !likely.includes(candidate) && pool.signed(last, candidate));
  const impostors =
    candidates.length > 0 ? candidates : namesakes.filter(({ storedAt }) => !inStore || storedAt !== undefined);
  if (misnamed.length > 0) end('other-id', misnamed);
  else if (impostors.length > 0) end('other-key', impostors);
  else end(inStore ? 'store-intermediate' : 'unknown-issuer');
}

const sameNameOtherKey = (a: Member, b: Member): boolean => a.pin !== b.pin && sameName(a.subject, b.subject);

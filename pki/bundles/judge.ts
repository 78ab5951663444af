// Whether the bundle that a peer announces becomes its trust store. It came over a connection that the present store vouches
// for; on top of that it must share a key with the present store, must not be older than what was taken, and must be usable as a
// whole. Whatever is refused leaves the last good trust in place. Pure, apart from OpenSSL's arithmetic.

import type { ClusterName } from '../../mesh/model/names.ts';
import type { TrustBundle } from '../../mesh/wire/trust-bundle.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { spkiPin, spkiPins } from '../spki.ts';
import { anchorsIn, readAnchors, sameAnchors } from './anchors.ts';
import { keptSequence, keptStoreText } from './kept-store.ts';

export interface OfferedBundle {
  readonly peer: ClusterName;
  readonly bundle: TrustBundle;
  /** The text of the peer's trust store as it stands. */
  readonly kept: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export type BundleVerdict =
  /** It stands already. */
  | { readonly outcome: 'held' }
  /** `store` is what the trust store is to be. */
  | { readonly outcome: 'taken'; readonly store: string }
  | { readonly outcome: 'refused'; readonly reason: string }
  /** CM-TRUST-008 */
  | { readonly outcome: 'repinned'; readonly kept: readonly string[]; readonly shown: readonly string[] };

export function judgeBundle({ peer, bundle, kept, now }: OfferedBundle): BundleVerdict {
  const { cluster, sequence, anchors } = bundle;
  if (cluster !== peer) return refused(`it is the bundle of ${cluster}`);
  const announced = readAnchors(anchors, now);
  if (!announced.ok) return refused(announced.error);
  let pins: readonly string[];
  let same: boolean;
  try {
    pins = spkiPins([kept]);
    same = sameAnchors(anchorsIn(kept), anchors);
  } catch (error) {
    return refused(`the trust store, with which it would be compared, ${reasonOf(error)}`);
  }
  const known = keptSequence(kept);
  if (sequence < known) return refused(`its sequence ${sequence} is older than ${known}, which was taken`);
  if (sequence === known) return same ? { outcome: 'held' } : refused(`two bundles have the sequence ${sequence}`);
  const shown = announced.value.map(spkiPin);
  if (!shown.some((pin) => pins.includes(pin))) return { outcome: 'repinned', kept: pins, shown };
  return { outcome: 'taken', store: keptStoreText({ cluster, sequence, anchors }) };
}

/** A store that somebody keeps by hand is never written: it has a bundle when it says the same. */
export function holdsBundle(kept: readonly string[], { anchors }: TrustBundle): boolean {
  try {
    return sameAnchors(kept.flatMap(anchorsIn), anchors);
  } catch {
    return false;
  }
}

const refused = (reason: string): BundleVerdict => ({ outcome: 'refused', reason });

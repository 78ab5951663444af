// How a leaf stands at one moment: good, to be renewed, late, over, or of no use. Pure; what is on disk is read by leaf-folder.ts.

import type { X509Certificate } from 'node:crypto';
import { leafLeftMs } from '../../runtime/tls/expiry.ts';
import { type LeafPlace, renewalOf } from '../leaf-files.ts';

export interface StandingLeaf {
  readonly place: LeafPlace;
  /** The last certificate that could be read: its names are those that a new one carries. */
  readonly certificate: X509Certificate | undefined;
  /** Why the pair serves nobody that starts now; a program that runs keeps the pair it has. */
  readonly flaw: string | undefined;
}

/**
 * `due` is the normal state just before a renewal; `overdue` says that renewals fail, or that nothing renews. `early` is not valid
 * yet: the clock of this machine is wrong, or that of the one which issued it, and a new one would not help.
 */
export type LeafState = 'ok' | 'due' | 'overdue' | 'expired' | 'early' | 'broken';

export function leafState({ certificate, flaw }: StandingLeaf, now: number): LeafState {
  if (certificate === undefined || flaw !== undefined) return 'broken';
  const validity = { notBefore: Date.parse(certificate.validFrom), notAfter: Date.parse(certificate.validTo) };
  if (now < validity.notBefore) return 'early';
  const left = validity.notAfter - now;
  if (left <= 0) return 'expired';
  // The same leaf is CM-TRUST-005 for whoever shows it and for whoever sees it.
  if (left < leafLeftMs(validity)) return 'overdue';
  return now >= renewalOf(certificate).dueAt ? 'due' : 'ok';
}

/** Whom the leaf is for, as people say it: `door`, `agent n1`. */
export const leafOwner = ({ profile, node }: LeafPlace): string =>
  node === undefined ? profile : `${profile} ${node}`;

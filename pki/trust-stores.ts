// The authorities that a cluster's folder holds: its own, and one store bound to each peer. Read for people; what is believed at a
// handshake is read by runtime/tls and judged in trust/.

import type { X509Certificate } from 'node:crypto';
import { reasonOf } from '../runtime/errors.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';
import { namesIn, readIfPresent } from './files.ts';
import { clusterLayout } from './layout.ts';
import { CA_LEFT_MIN_MS } from './trust/validity.ts';

export interface TrustStore {
  /** Absent for the own authority. */
  readonly peer?: string;
  readonly path: string;
  /** All that may vouch; more than one during a rotation, or with an imported chain. Empty where there is a flaw. */
  readonly certificates: readonly X509Certificate[];
  /** Why nothing can be verified against it. */
  readonly flaw: string | undefined;
}

/** The own first, then peers by name. Rejects with PKI_FILE where the folder cannot be read. */
export async function trustStoresOf(dir: string): Promise<readonly TrustStore[]> {
  const layout = clusterLayout(dir);
  const peers = await namesIn(layout.trust);
  return Promise.all([
    storeAt(layout.authority.cert),
    ...peers.map(async (peer) => ({ peer, ...(await storeAt(layout.trustStore(peer))) })),
  ]);
}

async function storeAt(path: string): Promise<TrustStore> {
  const text = await readIfPresent(path);
  if (text === undefined) return { path, certificates: [], flaw: 'missing' };
  try {
    return { path, certificates: certificatesOf(text), flaw: undefined };
  } catch (error) {
    return { path, certificates: [], flaw: reasonOf(error) };
  }
}

export type StoreState = 'ok' | 'overdue' | 'expired' | 'early' | 'broken';

/** Without one certificate that is valid at `now`, nothing it vouches for is; `overdue` is when CM-TRUST-005 is raised for the last. */
export function storeState({ certificates, flaw }: TrustStore, now: number): StoreState {
  if (flaw !== undefined) return 'broken';
  if (certificates.every(({ validFrom }) => now < Date.parse(validFrom))) return 'early';
  const left = Math.max(...certificates.map(({ validTo }) => Date.parse(validTo))) - now;
  if (left <= 0) return 'expired';
  return left < CA_LEFT_MIN_MS ? 'overdue' : 'ok';
}

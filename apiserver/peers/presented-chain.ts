// The chain of certificates that the other side of a connection has presented, leaf first; empty where there is none, or the connection
// is gone. It is not verified here.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** No server sends more; a hostile one could. */
const CHAIN_MAX = 64;

export function presentedBy(socket: Pick<TLSSocket, 'getPeerX509Certificate'>): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  try {
    let next = socket.getPeerX509Certificate();
    while (next !== undefined && chain.length < CHAIN_MAX) {
      chain.push(next);
      next = next.issuerCertificate;
    }
  } catch {
    // A certificate that OpenSSL took and that cannot be shown: what came before it is what there is.
  }
  return chain;
}

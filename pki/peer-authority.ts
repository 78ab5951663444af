// What the administrator of a peer hands over: the certificates of its authority, and nothing else. A leaf in a trust store
// would be trusted as whoever it names; a private key in it means that the peer's authority is no longer the peer's alone.

import { err, ok, type Result } from '../mesh/model/result.ts';
import { reasonOf } from '../runtime/errors.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';

export interface PeerAuthority {
  readonly subject: string;
  /** SHA-256 of the certificate: what two administrators compare over another channel. */
  readonly fingerprint: string;
  readonly validTo: string;
}

/** More than one while the peer replaces its authority. */
export function parsePeerAuthority(pem: string): Result<readonly PeerAuthority[], string> {
  if (pem.includes('PRIVATE KEY-----')) {
    return err('it holds a private key, which nobody but the peer may have: ask for the certificate alone');
  }
  try {
    const certificates = certificatesOf(pem);
    const leaf = certificates.find(({ ca }) => !ca);
    if (leaf !== undefined) return err(`"${oneLine(leaf.subject)}" is not the certificate of an authority`);
    return ok(
      certificates.map(({ subject, fingerprint256, validTo }) => ({
        subject: oneLine(subject),
        fingerprint: fingerprint256,
        validTo,
      })),
    );
  } catch (error) {
    return err(`it ${reasonOf(error)}`);
  }
}

const oneLine = (name: string): string => name.split('\n').join(', ');

// The certificates that one verification works with: those that were presented and those of the trust store, each once. Whether
// one certificate issued another is asked here, and answered by the signature: names and key identifiers only say where to look.

import type { X509Certificate } from 'node:crypto';
import { type Certificate, readCertificate } from './certificate.ts';
import { KEY_USAGE } from './extensions.ts';
import { sameName } from './names.ts';

export interface Member extends Certificate {
  /** Counted from 1; undefined for what was not presented. */
  readonly presentedAt: number | undefined;
  readonly storedAt: number | undefined;
}

/** A signature takes 0.1 ms to check: this is far beyond every honest set, and 50 ms for a hostile one. */
const SIGNATURES_MAX = 500;

export class Pool {
  readonly members: readonly Member[];
  /** The first that was presented; undefined when it cannot be read. */
  readonly leaf: Member | undefined;
  /** Certificates that cannot be read: where they stand, and why. */
  readonly unreadable: readonly string[];
  readonly #signatures = new Map<string, boolean>();

  constructor(presented: readonly X509Certificate[], stored: readonly X509Certificate[]) {
    const unreadable: string[] = [];
    const read = (certificates: readonly X509Certificate[], place: string) => {
      const places = new Map<string, { readonly certificate: Certificate; readonly at: number }>();
      for (const [index, x509] of certificates.entries()) {
        const certificate = readCertificate(x509);
        if (!certificate.ok) unreadable.push(`certificate ${index + 1} ${place}: ${certificate.error}`);
        else if (!places.has(certificate.value.fingerprint)) {
          places.set(certificate.value.fingerprint, { certificate: certificate.value, at: index + 1 });
        }
      }
      return places;
    };
    const fromPeer = read(presented, 'that was presented');
    const fromStore = read(stored, 'of the trust store');
    this.members = [...new Map([...fromPeer, ...fromStore])].map(([fingerprint, { certificate }]) => ({
      ...certificate,
      presentedAt: fromPeer.get(fingerprint)?.at,
      storedAt: fromStore.get(fingerprint)?.at,
    }));
    this.leaf = this.members.find(({ presentedAt }) => presentedAt === 1);
    this.unreadable = unreadable;
  }

  get stored(): readonly Member[] {
    return this.members.filter(({ storedAt }) => storedAt !== undefined);
  }

  /** False once so many signatures were checked that this cannot be an honest chain. */
  get withinLimits(): boolean {
    return this.#signatures.size < SIGNATURES_MAX;
  }

  /** Those that bear the name of the certificate's issuer. */
  namesakesOfIssuer(certificate: Member): readonly Member[] {
    return this.members.filter(({ subject }) => sameName(subject, certificate.issuer));
  }

  signed(certificate: Member, issuer: Member): boolean {
    const pair = `${certificate.fingerprint} ${issuer.fingerprint}`;
    const known = this.#signatures.get(pair);
    if (known !== undefined) return known;
    const outcome = isSignedBy(certificate, issuer);
    this.#signatures.set(pair, outcome);
    return outcome;
  }
}

function isSignedBy(certificate: Member, issuer: Member): boolean {
  try {
    return certificate.x509.verify(issuer.x509.publicKey);
  } catch {
    return false;
  }
}

/** Whether the identifiers in `certificate` allow `issuer`; those that are absent allow everybody. */
export function identifies({ authorityKeyId }: Certificate, issuer: Certificate): boolean {
  if (authorityKeyId === undefined) return true;
  const { keyId, issuer: name, serial } = authorityKeyId;
  if (keyId !== undefined && issuer.subjectKeyId !== undefined && keyId !== issuer.subjectKeyId) return false;
  if (serial !== undefined && serial !== issuer.serial) return false;
  return name === undefined || sameName(name, issuer.issuer);
}

/**
 * Whether a certificate in the store ends a path. As for OpenSSL, that it says so of itself is enough: it is trusted because it is
 * in the store, and its signature proves nothing more.
 */
export const isSelfSigned = (certificate: Certificate): boolean =>
  isSelfIssued(certificate) && identifies(certificate, certificate);

export const isSelfIssued = ({ subject, issuer }: Certificate): boolean => sameName(subject, issuer);

/**
 * `extension`: a CA by its basic constraints. `legacy`: by its key usage alone, or of a version that could not say; only an anchor
 * may be one.
 */
export function authorityKind(certificate: Certificate): 'extension' | 'legacy' | undefined {
  const { keyUsage, basicConstraints, version } = certificate;
  if (keyUsage !== undefined && (keyUsage & KEY_USAGE.keyCertSign) === 0) return undefined;
  if (basicConstraints !== undefined) return basicConstraints.ca ? 'extension' : undefined;
  if (version === 1 && isSelfIssued(certificate)) return 'legacy';
  return keyUsage === undefined ? undefined : 'legacy';
}

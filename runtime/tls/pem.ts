// Certificates out of PEM text. A file may hold several, with text between them; a block that is no certificate makes the
// whole text invalid, because a trust store that is silently smaller than its file is worse than one that is refused.

import { X509Certificate } from 'node:crypto';

/** A bundle with more is an accident (a system's whole trust store is about 150). */
const CERTIFICATES_MAX = 512;
const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/**
 * A process reads the same certificates again and again, its own with every connection: reading one costs a quarter of a millisecond.
 * The largest mesh has 510 peers, each with an authority and a leaf, and twice as many while they change.
 */
const KNOWN_MAX = 2_048;
/** By their text, the one asked for last at the end. What cannot be read is not among them. */
const known = new Map<string, X509Certificate>();

/** In the order of the text. Throws with the reason when there is none, or one that cannot be read. */
export function certificatesOf(text: string): readonly X509Certificate[] {
  const blocks = text.match(BLOCK) ?? [];
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (begun !== blocks.length) throw new Error('holds a certificate block that is cut or damaged');
  if (blocks.length === 0) throw new Error('holds no PEM certificate');
  if (blocks.length > CERTIFICATES_MAX) throw new Error(`holds more than ${CERTIFICATES_MAX} certificates`);
  return blocks.map((block, index) => {
    try {
      return certificateOf(block);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} of ${blocks.length} cannot be read`, { cause });
    }
  });
}

function certificateOf(block: string): X509Certificate {
  const certificate = known.get(block) ?? new X509Certificate(block);
  known.delete(block);
  known.set(block, certificate);
  const [oldest] = known.keys();
  if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest);
  return certificate;
}

// Certificates out of PEM text. A file may hold several, with text between them; a block that is no certificate makes the
// whole text invalid, because a trust store that is silently smaller than its file is worse than one that is refused.

import { X509Certificate } from 'node:crypto';

/** A bundle with more is an accident (a system's whole trust store is about 150). */
const CERTIFICATES_MAX = 512;
const BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----/g;

/** In the order of the text. Throws with the reason when there is none, or one that cannot be read. */
export function certificatesOf(text: string): readonly X509Certificate[] {
  const blocks = text.match(BLOCK) ?? [];
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (begun !== blocks.length) throw new Error('holds a certificate block that is cut or damaged');
  if (blocks.length === 0) throw new Error('holds no PEM certificate');
  if (blocks.length > CERTIFICATES_MAX) throw new Error(`holds more than ${CERTIFICATES_MAX} certificates`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} of ${blocks.length} cannot be read`, { cause });
    }
  });
}

// Reads a file of certificates for a person who wants to know what is wrong with it: the line at which it cannot be read, and why.
// Text between the blocks is left aside, as in what `openssl s_client -showcerts` prints.

import { X509Certificate } from 'node:crypto';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { readCertificate } from './certificate.ts';

export interface BundleProblem {
  /** From 1. */
  readonly line: number;
  readonly reason: string;
}

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
/** More is an accident; see runtime/tls/pem.ts. */
const CERTIFICATES_MAX = 512;

export function readBundle(text: string): Result<readonly X509Certificate[], BundleProblem> {
  const certificates: X509Certificate[] = [];
  let block: string[] | undefined;
  let begun = 0;
  const fail = (line: number, reason: string) => err({ line, reason });
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === BEGIN) {
      if (block !== undefined) return fail(begun, 'the certificate that begins here has no end');
      [block, begun] = [[], index + 1];
    } else if (line === END) {
      if (block === undefined) return fail(index + 1, 'the end of a certificate that has no beginning');
      const read = certificateOf(block.join(''));
      if (!read.ok) return fail(begun, `certificate ${certificates.length + 1}, which begins here, ${read.error}`);
      certificates.push(read.value);
      block = undefined;
    } else if (line.includes(BEGIN) || line.includes(END)) {
      return fail(index + 1, 'the beginning or end of a certificate does not stand on a line of its own');
    } else block?.push(line);
    if (certificates.length > CERTIFICATES_MAX) return fail(index + 1, `more than ${CERTIFICATES_MAX} certificates`);
  }
  if (block !== undefined) return fail(begun, 'the certificate that begins here has no end');
  return certificates.length === 0 ? fail(1, 'no PEM certificate in it') : ok(certificates);
}

function certificateOf(base64: string): Result<X509Certificate, string> {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return err('is not base64');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return err('cannot be read');
  }
  const fields = readCertificate(certificate);
  return fields.ok ? ok(certificate) : err(fields.error);
}

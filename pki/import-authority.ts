// An authority that the operator brings instead of one that is made here: its certificate, the chain up to its root, and its
// key, as PEM or PKCS#12. Whatever would make certificates that nobody takes is refused here, with the reason.

import type { X509Certificate } from 'node:crypto';
import type { ClusterName } from '../mesh/model/names.ts';
import { err, ok, type Result } from '../mesh/model/result.ts';
import { reasonOf } from '../runtime/errors.ts';
import { certificatesOf } from '../runtime/tls/pem.ts';
import type { Authority } from './authority.ts';
import { oneLine, pathToRoot } from './certification-path.ts';
import { readPrivateKey, signingOf } from './signing.ts';
import { pemFile, x509 } from './x509.ts';

export interface AuthorityFiles {
  readonly cluster: ClusterName;
  /** PEM or PKCS#12. */
  readonly certificates: Uint8Array;
  /** PEM; absent where the first file holds the key. */
  readonly key: string | undefined;
  readonly passphrase: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface ImportedAuthority {
  readonly authority: Authority;
  /** PEM: from the certificate that signs up to the root. What everybody else puts in their trust store. */
  readonly bundle: string;
}

export async function importAuthority(files: AuthorityFiles): Promise<Result<ImportedAuthority, string>> {
  const texts = await textsOf(files);
  if (!texts.ok) return texts;
  if (texts.value.key === undefined) {
    return err('there is no private key in it: give the file that holds it beside it');
  }
  const key = readPrivateKey(texts.value.key, files.passphrase);
  if (key === undefined) return err('the private key cannot be read, or not with this passphrase');
  const signing = signingOf(key);
  if (!signing.ok) return signing;

  let certificates: readonly X509Certificate[];
  try {
    certificates = certificatesOf(texts.value.certificates);
  } catch (error) {
    return err(`it ${reasonOf(error)}`);
  }
  const signer = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (signer === undefined) return err('none of its certificates belongs to the private key');
  const objection = signerObjection(signer, files.now);
  if (objection !== undefined) return err(objection);
  const path = pathToRoot(signer, certificates);
  if (!path.ok) {
    return err(
      `"${oneLine(signer.subject)}" is an intermediate, and the certificate of "${path.error}" is not in the file: ` +
        'TLS trusts a chain only when it ends at a self-signed root, so peers need all of it',
    );
  }
  const expired = path.value.find(({ validTo }) => Date.parse(validTo) <= files.now);
  if (expired !== undefined) return err(`"${oneLine(expired.subject)}" has expired on ${expired.validTo}`);
  const pems = path.value.map((certificate) => pemFile(certificate.toString()));
  return ok({
    authority: {
      cluster: files.cluster,
      certificate: pems[0] ?? '',
      key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
      intermediates: pems.slice(0, -1).join(''),
    },
    bundle: pems.join(''),
  });
}

function signerObjection(signer: X509Certificate, now: number): string | undefined {
  const subject = `"${oneLine(signer.subject)}"`;
  if (!signer.ca) return `${subject} is not the certificate of an authority`;
  const usages = new x509.X509Certificate(signer.toString()).getExtension(x509.KeyUsagesExtension)?.usages;
  // Without the extension everything is allowed (RFC 5280, 4.2.1.3).
  if (usages !== undefined && (usages & x509.KeyUsageFlags.keyCertSign) === 0) {
    return `${subject} may not sign certificates`;
  }
  return Date.parse(signer.validFrom) > now ? `${subject} is valid only from ${signer.validFrom}` : undefined;
}

const PEM_KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----/;

async function textsOf({
  certificates,
  key,
  passphrase,
}: AuthorityFiles): Promise<Result<{ readonly certificates: string; readonly key: string | undefined }, string>> {
  const text = Buffer.from(certificates).toString('latin1');
  if (text.includes('-----BEGIN ')) return ok({ certificates: text, key: key ?? text.match(PEM_KEY)?.[0] });
  const { openPkcs12 } = await import('./pkcs12.ts');
  const opened = openPkcs12(certificates, passphrase ?? '');
  if (!opened.ok) return err(`it is no PEM, and ${opened.error}`);
  return ok({ certificates: opened.value.certificates, key: key ?? opened.value.key });
}

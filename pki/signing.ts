// How the key of an authority signs. Our own are P-256; one that an operator brings may be of RSA or of another curve.

import { createPrivateKey, type KeyObject, webcrypto } from 'node:crypto';
import { err, ok, type Result } from '../mesh/model/result.ts';

type ImportAlgorithm = webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams;
type SignAlgorithm = (webcrypto.EcdsaParams | webcrypto.Algorithm) & { readonly name: string };

export interface Signing {
  readonly key: ImportAlgorithm;
  /** With the hash, as the issuing library wants it. */
  readonly signature: SignAlgorithm & { readonly hash: string };
}

/** As strong as P-256 is about 3072 bits; 2048 is what many roots in use have, and the least that TLS stacks take. */
const RSA_BITS_MIN = 2048;

const CURVES: Readonly<Record<string, { readonly namedCurve: string; readonly hash: string }>> = {
  prime256v1: { namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { namedCurve: 'P-521', hash: 'SHA-512' },
};

/** The error says why certificates signed by such a key would not be taken. */
export function signingOf(key: KeyObject): Result<Signing, string> {
  const { modulusLength = 0, namedCurve = 'unknown' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength < RSA_BITS_MIN) return err(`an RSA key of ${modulusLength} bits is too weak`);
    const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return ok({ key: rsa, signature: rsa });
  }
  if (key.asymmetricKeyType === 'ec') {
    const curve = CURVES[namedCurve];
    if (curve === undefined) return err(`the curve ${namedCurve} is not one of P-256, P-384, P-521`);
    return ok({
      key: { name: 'ECDSA', namedCurve: curve.namedCurve },
      signature: { name: 'ECDSA', hash: curve.hash },
    });
  }
  return err(`a key of type ${key.asymmetricKeyType ?? 'unknown'} is neither RSA nor ECDSA`);
}

/** Throws where `signingOf` objects. */
export async function signingKey(
  key: KeyObject,
): Promise<{ readonly key: webcrypto.CryptoKey; readonly signature: Signing['signature'] }> {
  const signing = signingOf(key);
  if (!signing.ok) throw new Error(signing.error);
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return {
    key: await webcrypto.subtle.importKey('pkcs8', der, signing.value.key, false, ['sign']),
    signature: signing.value.signature,
  };
}

/** `undefined` when the text is no private key that can be read; OpenSSL's own message may quote the input. */
export function readPrivateKey(pem: string, passphrase?: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    return undefined;
  }
}

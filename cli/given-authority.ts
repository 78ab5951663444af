// An authority that the operator brings, from the options that name its files.

import { readFile } from 'node:fs/promises';
import type { ClusterName } from '../mesh/model/names.ts';
import type { StoredAuthority } from '../pki/authority-files.ts';
import { systemClock } from '../runtime/clock.ts';
import { OperationalError, reasonOf } from '../runtime/errors.ts';

export interface GivenAuthorityOptions {
  readonly cluster: ClusterName;
  readonly ca?: string;
  readonly caKey?: string;
  readonly caPassphraseFile?: string;
}

export async function givenAuthority(options: GivenAuthorityOptions): Promise<StoredAuthority | undefined> {
  const { cluster, ca, caKey, caPassphraseFile } = options;
  if (ca === undefined) return undefined;
  const { importAuthority } = await import('../pki/import-authority.ts');
  const passphrase = caPassphraseFile && (await readCredential(caPassphraseFile)).toString().replace(/\r?\n$/, '');
  const imported = await importAuthority({
    cluster,
    certificates: await readCredential(ca),
    key: caKey && (await readCredential(caKey)).toString(),
    passphrase,
    now: systemClock.now(),
  });
  if (imported.ok) return imported.value;
  throw new OperationalError({
    code: 'PKI_NOT_AN_AUTHORITY',
    operation: 'take over certificate authority',
    subject: ca,
    reason: imported.error,
    hint: 'give the certificate that signs, its chain up to the root, and the key, in PEM or PKCS#12',
  });
}

export async function readCredential(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new OperationalError({
      code: 'PKI_FILE',
      operation: 'read credential',
      subject: path,
      reason: reasonOf(cause),
      hint: 'check the path',
      cause,
    });
  }
}

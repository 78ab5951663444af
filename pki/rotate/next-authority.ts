// The authority that is to take the place of the present one: made here, or brought by the operator. Where a crash has left its key,
// it is made of that key.

import { OperationalError } from '../../runtime/errors.ts';
import { createAuthority } from '../authority.ts';
import type { StoredAuthority } from '../authority-files.ts';
import { AUTHORITY_DAYS } from '../init.ts';
import type { Rotation } from './rotation.ts';

export interface NextAuthorityOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly given?: StoredAuthority | undefined;
}

export async function nextAuthority(
  { cluster, layout, next }: Rotation,
  { now, given }: NextAuthorityOptions,
): Promise<StoredAuthority> {
  if (given === undefined) {
    const key = next === undefined ? {} : { key: next.key };
    const authority = await createAuthority({ cluster, now, days: AUTHORITY_DAYS, successor: true, ...key });
    return { authority, bundle: authority.certificate };
  }
  if (next === undefined || next.key === given.authority.key) return given;
  throw new OperationalError({
    code: 'PKI_EXISTS',
    operation: 'take over the next certificate authority',
    subject: layout.rotation.nextKey,
    reason: 'another has been prepared',
    hint: 'go on with that one, or delete this file where nothing has been announced yet',
  });
}

// What an agent says of the certificate that it shows: whether its files can be read, and whether it is renewed in time. The agent
// goes on with the last good one in any case; API servers refuse one that has ended at the next connection.

import type { Health } from '../../runtime/health.ts';
import { leafLeftMs, leafValidity, type Validity } from '../../runtime/tls/expiry.ts';
import type { FollowedPair } from '../../runtime/tls/tls-files.ts';

export interface OwnCertificate {
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** Undefined when all is well. */
  readonly trouble: string | undefined;
}

/** Reads a certificate once for as long as it is the same: whoever waits for an agent looks at its status again and again. */
export function validityReader(): (certificate: string) => Validity {
  let last: { readonly certificate: string; readonly validity: Validity } | undefined;
  return (certificate) => {
    if (last?.certificate !== certificate) last = { certificate, validity: leafValidity(certificate) };
    return last.validity;
  };
}

export function ownCertificate(
  { path, certificate, problem }: FollowedPair,
  now: number,
  validityOf: (certificate: string) => Validity = leafValidity,
): OwnCertificate {
  const validity = validityOf(certificate);
  const { notAfter } = validity;
  const end = new Date(notAfter).toISOString();
  const use =
    now >= notAfter ? `${path}: what is in use expired on ${end}` : `${path}: what is in use expires on ${end}`;
  if (problem !== undefined)
    return { notAfter, trouble: `[TLS_FILES] ${use}, and the file is not taken over: ${problem}` };
  const late = notAfter - now < leafLeftMs(validity);
  return { notAfter, trouble: late ? `[TLS_FILES] ${use}, and nothing has renewed it` : undefined };
}

export function certificateHealth({ trouble }: OwnCertificate, health: Health): void {
  if (trouble === undefined) health.set('tls', 'ok');
  else health.set('tls', 'degraded', trouble);
}

// STABLE: what an agent shows to API servers and whom it accepts (mesh.proto), as digests of certificates. Whoever replaces an
// authority learns from it which nodes would be cut off. Reading never fails: what is not a digest is left out, since an agent
// that says nonsense here serves its node all the same.

import type { clustermesh } from './gen/mesh.js';

/** SHA-256 of certificates, 32 bytes in upper-case hex with colons, as openssl and node:crypto print them. */
export interface AgentTrust {
  readonly certificate: string;
  /** At most AUTHORITIES_MAX: the first ones. */
  readonly authorities: readonly string[];
}

/** One authority signs and one is to sign, each with its chain; with more, somebody has put a system's trust store there. */
export const AUTHORITIES_MAX = 32;
const DIGEST_BYTES = 32;

type Message = clustermesh.v1.AgentTrust.$Properties;

export const agentTrustMessage = ({ certificate, authorities }: AgentTrust): Message => ({
  certificate: bytesOf(certificate),
  authorities: authorities.slice(0, AUTHORITIES_MAX).map(bytesOf),
});

/** `undefined` where the agent says nothing, as those of before do. */
export function parseAgentTrust(message: Message | null | undefined): AgentTrust | undefined {
  const certificate = textOf(message?.certificate);
  if (certificate === undefined) return undefined;
  const authorities = (message?.authorities ?? []).slice(0, AUTHORITIES_MAX).map(textOf);
  return { certificate, authorities: authorities.filter((digest) => digest !== undefined) };
}

export const sameTrust = (a: AgentTrust | undefined, b: AgentTrust | undefined): boolean =>
  a?.certificate === b?.certificate && a?.authorities.join() === b?.authorities.join();

const bytesOf = (digest: string): Uint8Array => Uint8Array.from(digest.split(':'), (byte) => Number.parseInt(byte, 16));

function textOf(digest: Uint8Array | null | undefined): string | undefined {
  if (digest?.length !== DIGEST_BYTES) return undefined;
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(':');
}

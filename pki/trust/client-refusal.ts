// Why a door does not let us in (CM-TRUST-002), and which side must act. A door refuses in two ways: it ends the handshake, or it takes the
// certificate and denies every read because of the name in it. Its own words are few, for good reasons: what we showed says the rest.

import { X509Certificate } from 'node:crypto';
import type { ClusterName } from '../../mesh/model/names.ts';
import { readCertificate } from './certificate.ts';
import { printable } from './printable.ts';
import { type TrustProblem, timeText } from './problem.ts';

export interface ClientRefusal {
  /** handshake: TLS ended. reading: TLS was done, and then nothing may be read. */
  readonly at: 'handshake' | 'reading';
  /** As the door put it. */
  readonly how: string;
}

export interface RefusedClient {
  readonly refusal: ClientRefusal;
  /** Whose door it is. */
  readonly cluster: ClusterName;
  /** Who was refused; undefined where nobody in particular looks. */
  readonly local: ClusterName | undefined;
  /** PEM of what was shown, leaf first. */
  readonly shown: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

type Explanation = Pick<TrustProblem, 'aspect' | 'reason' | 'expected' | 'remedy'> & { readonly acts: string };

export function clientRefusalProblem(refused: RefusedClient): TrustProblem {
  const leaf = leafOf(refused.shown);
  const { acts, ...explained } = explain(refused, leaf);
  return {
    code: 'CM-TRUST-002',
    severity: 'blocking',
    // It is not of the chain that the door presents.
    certificate: undefined,
    issuers: [],
    presented: leaf === undefined ? 'the client certificate of this cluster' : leaf.text,
    acts,
    ...explained,
  };
}

interface Leaf {
  readonly text: string;
  readonly issuer: string;
  readonly notBefore: number;
  readonly notAfter: number;
}

function explain({ refusal, cluster, local, now }: RefusedClient, leaf: Leaf | undefined): Explanation {
  const { at, how } = refusal;
  const us = local ?? 'this cluster';
  const issuer = leaf === undefined ? `the authority of ${us}` : `"${leaf.issuer}"`;
  const aspect = 'client certificate';
  if (leaf !== undefined && (now > leaf.notAfter || now < leaf.notBefore)) {
    const state =
      now > leaf.notAfter ? `expired at ${timeText(leaf.notAfter)}` : `is not valid before ${timeText(leaf.notBefore)}`;
    return {
      aspect,
      acts: us,
      reason: `the door of ${cluster} refuses us: our own client certificate ${state}`,
      expected: `a client certificate that is valid at ${timeText(Math.floor(now / 1000) * 1000)}`,
      remedy: 'Issue the certificate of the peer profile again: clustermesh trust renew, or pki init.',
    };
  }
  if (at === 'reading') {
    return {
      aspect: 'client name',
      acts: cluster,
      reason: `the door of ${cluster} takes our certificate in the handshake, and denies what it asks for: ${how}`,
      expected: `that ${cluster} has ${us} as a peer, under the name in its certificate`,
      remedy: `Let ${cluster} have this cluster as a peer, or grant the user of our certificate's common name reading of cilium/ in its etcd.`,
    };
  }
  if (leaf !== undefined && /certificate expired/.test(how)) {
    return {
      aspect,
      acts: cluster,
      reason: `the door of ${cluster} takes our client certificate for expired: ${how}; by our clock it is not`,
      expected: `a clock at ${cluster} between ${timeText(leaf.notBefore)} and ${timeText(leaf.notAfter)}`,
      remedy: `Compare the clocks of both clusters (NTP), and renew our client certificate with clustermesh trust renew.`,
    };
  }
  return {
    aspect,
    acts: cluster,
    reason: `the door of ${cluster} refuses our client certificate: ${how}`,
    expected: `that the trust store which ${cluster} binds to ${us} holds ${issuer}`,
    // A door that ends the handshake does not say which of these it is.
    remedy:
      `Put the CA of this cluster into the trust store that ${cluster} binds to it; where it is there, compare the clocks. ` +
      `Where ${cluster} has left or revoked this cluster, run clustermesh leave ${cluster} here too.`,
  };
}

function leafOf(pem: string | undefined): Leaf | undefined {
  const read = pem === undefined ? undefined : readFirst(pem);
  if (read?.ok !== true) return undefined;
  const { x509, subjectText, issuerText, pin, notBefore, notAfter } = read.value;
  const [subject, issuer] = [printable(subjectText), printable(issuerText)];
  const names = [`"${subject}"`, ...(x509.subjectAltName === undefined ? [] : [printable(x509.subjectAltName)])].join(
    ', ',
  );
  return {
    text: `${names}, issued by "${issuer}", key ${pin}, valid from ${timeText(notBefore)} to ${timeText(notAfter)}`,
    issuer,
    notBefore,
    notAfter,
  };
}

/** Node reads the first certificate of a text, which is the leaf. */
function readFirst(pem: string) {
  try {
    return readCertificate(new X509Certificate(pem));
  } catch {
    return undefined;
  }
}

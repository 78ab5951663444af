// What this agent shows and whom it accepts, for its API server: whoever replaces the cluster's authority waits for nodes that
// have not got the new files yet. Read from what handshakes use, which is not always what stands on disk.

import type { AgentTrust } from '../../mesh/wire/agent-trust.ts';
import type { CertificateSource } from '../../runtime/tls/certificate-source.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';

export interface SaidTrust {
  readonly current: () => AgentTrust;
  /** The returned function ends it. */
  onChange(listener: () => void): () => void;
}

export function saidTrust(source: Pick<CertificateSource, 'material' | 'onChange'>): SaidTrust {
  const digests = (pem: string) => certificatesOf(pem).map(({ fingerprint256 }) => fingerprint256);
  const { material } = source;
  let read = { material, trust: trustOf(source.material) };
  function trustOf({ certificate, ca }: CertificateSource['material']): AgentTrust {
    return { certificate: digests(certificate)[0] ?? '', authorities: digests(ca) };
  }
  return {
    current: () => {
      // Asked with each acknowledgement.
      if (read.material !== source.material) read = { material: source.material, trust: trustOf(source.material) };
      return read.trust;
    },
    onChange: (listener) => source.onChange(listener),
  };
}

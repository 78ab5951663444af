// Verifying one chain of a leaf and an intermediate against a root: ours with path building, names, usages, strengths and reasons; the two
// signatures and nothing else with node:crypto; and the `openssl` command, which verifies many leaves in one process, without its start.

import { X509Certificate } from 'node:crypto';
import { verifyChain } from '../../pki/trust/verify-chain.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { CLUSTER, openssl, type PkiSample } from './sample.ts';
import { type Operation, timed } from './way.ts';

export function verifyOperation({ doors, root, files }: PkiSample, verified: number): Operation {
  const chains = doors.map(({ certificate }) => certificatesOf(certificate).map(({ raw }) => raw));
  const presented = (index: number) => (chains[index % chains.length] ?? []).map((raw) => new X509Certificate(raw));
  const store = new X509Certificate(root);
  const command = (leaves: readonly string[]) =>
    openssl('verify', '-purpose', 'sslserver', '-CAfile', files.root, '-untrusted', files.intermediate, ...leaves);
  /** As many leaves as one round verifies. */
  const leaves = Array.from({ length: verified }, (_, index) => files.doors[index % files.doors.length] ?? '');
  return {
    name: 'verify a chain of two',
    ways: [
      {
        name: 'clustermesh',
        round: () =>
          timed(verified, (index) => {
            const chain = presented(index);
            const wish = { cluster: CLUSTER, purpose: 'door', now: Date.now() } as const;
            if (!verifyChain({ chain, store: [root], ...wish }).usable) throw new Error('a good chain was refused');
          }),
      },
      {
        name: 'node:crypto, signatures alone',
        round: () =>
          timed(verified, (index) => {
            const [leaf, intermediate] = presented(index);
            if (!leaf?.verify(intermediate?.publicKey ?? store.publicKey) || !intermediate?.verify(store.publicKey)) {
              throw new Error('a good signature was refused');
            }
          }),
      },
      {
        name: 'openssl verify, many in a process',
        async round() {
          const start = await timed(1, () => command(leaves.slice(0, 1)));
          const all = await timed(1, () => command(leaves));
          return (all - start) / (verified - 1);
        },
      },
    ],
    close: async () => {},
  };
}

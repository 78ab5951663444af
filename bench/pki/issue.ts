// Issuing one leaf: ours, the arithmetic that cannot be avoided with node:crypto alone (a key, its identifier, a signature over as many octets,
// both written as PEM), and one run of the `openssl` command.

import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { DAY_MS } from '../../pki/authority.ts';
import { issue } from '../../pki/issue.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { CLUSTER, openssl, type PkiSample } from './sample.ts';
import { type Operation, timed } from './way.ts';

export interface IssueSize {
  readonly issued: number;
  /** Runs of a command: a process each. */
  readonly commands: number;
}

export function issueOperation(sample: PkiSample, size: IssueSize): Operation {
  const { authority, files } = sample;
  const request = { authority, profile: 'door' as const, ttlMs: DAY_MS, ips: ['127.0.0.1'] };
  const authorityKey = createPrivateKey(authority.key);
  const [leaf] = certificatesOf(sample.doors[0]?.certificate ?? '');
  const toBeSigned = leaf?.raw ?? Buffer.alloc(0);
  return {
    name: 'issue a leaf',
    ways: [
      {
        name: 'clustermesh',
        round: () => timed(size.issued, () => issue({ ...request, now: Date.now() })),
      },
      {
        name: 'node:crypto',
        round: () =>
          timed(size.issued, () => {
            const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
            const spki = publicKey.export({ format: 'der', type: 'spki' });
            createHash('sha1').update(spki).digest();
            sign('sha256', toBeSigned, authorityKey);
            return toBeSigned.toString('base64') + privateKey.export({ format: 'pem', type: 'pkcs8' });
          }),
      },
      {
        name: 'openssl, a process each',
        round: () =>
          timed(size.commands, () =>
            openssl(
              ...['req', '-x509', '-CA', files.intermediate, '-CAkey', files.intermediateKey],
              ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-sha256'],
              ...['-subj', `/O=${CLUSTER}.clustermesh/CN=door`, '-addext', 'extendedKeyUsage=serverAuth'],
              ...['-addext', `subjectAltName=URI:spiffe://${CLUSTER}.clustermesh/apiserver,IP:127.0.0.1`],
              ...['-keyout', '/dev/null', '-out', '/dev/null'],
            ),
          ),
      },
    ],
    close: async () => {},
  };
}

// Who may read the HTTP API over TLS: administrators and API servers of the cluster everything, whoever scrapes what the process says
// of itself. Routes that change something ask for this machine besides (runtime/http-body.ts).

import type { ClusterName } from '../../mesh/model/names.ts';
import { err, ok, type Result } from '../../mesh/model/result.ts';
import { claimedRole, verifyClient } from '../../pki/verify.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { HttpTls, Problem, Route } from '../../runtime/http.ts';
import type { Log } from '../../runtime/log.ts';
import type { TlsFilesFollower } from '../../runtime/tls/tls-files.ts';
import { RefusalLog } from '../refusal-log.ts';

export interface HttpAccessDeps {
  readonly cluster: ClusterName;
  readonly tls: Pick<TlsFilesFollower, 'source'>;
  readonly clock: Clock;
  readonly log: Log;
}

export function httpAccess({ cluster, tls, clock, log }: HttpAccessDeps): HttpTls {
  const refusals = new RefusalLog({ clock, log, message: 'http handshake failed' });
  const { source } = tls;
  return {
    source,
    onFailedHandshake: (address, reason) => refusals.note(address, reason),
    refusal(leaf, route) {
      const known = reader(leaf, cluster);
      if (!known.ok) return forbidden('HTTP_ROLE', known.error);
      const verified = verifyClient({ leaf, store: [source.material.ca], now: clock.now() });
      if (!verified.ok) return forbidden('HTTP_CERTIFICATE', verified.error);
      return known.value === 'everything' || route?.measures === true ? undefined : MEASURES_ONLY;
    },
  };
}

type Readable = 'everything' | Extract<keyof Route, 'measures'>;

function reader(leaf: Uint8Array, own: ClusterName): Result<Readable, string> {
  const claimed = claimedRole(leaf);
  if (!claimed.ok) return claimed;
  const { role, cluster } = claimed.value;
  if (cluster !== own) return err(`the certificate is for cluster ${cluster}, and this is an API server of ${own}`);
  switch (role) {
    case 'admin':
    case 'apiserver':
      return ok('everything');
    case 'metrics':
      return ok('measures');
    case 'agent':
    case 'peer':
      return err(`the certificate is that of ${role === 'agent' ? 'an agent' : 'a peer'}, which has no business here`);
    default:
      return role satisfies never;
  }
}

const HINT = 'show the certificate of admin/ of the folder that pki init has made';

const forbidden = (code: string, detail: string): Problem => ({
  status: 403,
  type: 'about:blank',
  title: 'Forbidden',
  code,
  detail,
  hint: HINT,
});

const MEASURES_ONLY = forbidden(
  'HTTP_ROLE',
  'the certificate of metrics/ opens /metrics, /healthz and /readyz, and nothing else',
);

// The real client of a peer's door: the etcd client over mutual TLS, with the trust store that is bound to this peer alone and
// this cluster's own peer certificate. Both are followed on disk while the client lives, and an open connection moves over to them.

import type { BackoffOptions } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import { OperationalError } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { channelCredentials, type Handshake } from '../../runtime/tls/shared-credentials.ts';
import { openTlsFiles } from '../../runtime/tls/tls-files.ts';
import { openEtcd } from '../store/etcd-client.ts';
import type { Mirror } from '../store/port.ts';
import { ConnectionRenewal } from './connection-renewal.ts';
import type { LinkHandshake, OpenDoor } from './port.ts';
import { presentedBy } from './presented-chain.ts';

export interface DoorClientDeps {
  /** What this cluster shows: paths of PEM files. Absent only where there are no peers. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * Before a link that has lost its door comes back. A door that restarts loses all its peers at once, and a cluster whose network fails all
 * its doors: two or three hundred handshakes of a millisecond or two within a twentieth of a second would keep either side from
 * everything else meanwhile.
 */
const RECONNECT: BackoffOptions = { delayMsMin: 500, delayMsMax: 10_000, jitter: 0.9 };

export function doorOpener({ client, clock, random, log }: DoorClientDeps): OpenDoor {
  return async (spec) => {
    const pair = spec.client ?? client;
    if (pair === undefined) throw noCertificate(spec.name);
    const peerLog = log.child({ peer: spec.name });
    const files = await openTlsFiles({ ca: spec.ca, ...pair }, { clock, log: peerLog });
    const closing = new AbortController();
    const following = files.run(closing.signal);
    let shown: string | undefined;
    let last: (LinkHandshake & Pick<Handshake, 'socket'>) | undefined;
    const etcd = openEtcd({
      onConnect: () => {
        shown = fingerprintOf(files.source.material.certificate);
      },
      endpoints: spec.endpoints.map(addressOf),
      credentials: channelCredentials(files.source, (handshake) => {
        last = seenIn(handshake);
      }),
      // A door is dialled by address and known by the name of its cluster.
      channelOptions: { 'grpc.ssl_target_name_override': spec.serverName, 'grpc.default_authority': spec.serverName },
      clock,
      random,
      log: peerLog,
    });
    const mirrors = new Set<Mirror>();
    const renewal = new ConnectionRenewal({
      source: files.source,
      connection: etcd,
      mirrors,
      ...{ clock, random, log: peerLog },
    });
    const renewing = renewal.run(closing.signal);
    return {
      store: etcd,
      get shown() {
        return shown;
      },
      get handshake() {
        return last?.socket.destroyed === false ? last : undefined;
      },
      mirror(prefixes, observer, keeps) {
        const mirror = etcd.createMirror({ prefixes, observer, keeps, limits: { backoff: RECONNECT } });
        mirrors.add(mirror);
        return mirror;
      },
      close() {
        closing.abort();
        last = undefined;
        etcd.close();
        void Promise.all([following, renewing]);
      },
    };
  };
}

/** Looked at right away: once HTTP/2 has taken the socket over, it shows nothing more. */
const seenIn = ({ socket, certificate }: Handshake) => ({
  socket,
  chain: presentedBy(socket).map(String).join('\n'),
  shown: certificate,
});

const fingerprintOf = (pem: string): string | undefined => certificatesOf(pem)[0]?.fingerprint256;

function noCertificate(peer: string): OperationalError {
  return new OperationalError({
    code: 'PEER_NO_CERTIFICATE',
    operation: 'open the door of',
    subject: peer,
    reason: 'this cluster has no certificate to show there',
    hint: 'set peers.client to the certificate and key of the peer profile',
  });
}

/** `host:port`; 443 is what a URL without a port means. */
function addressOf(endpoint: string): string {
  const { hostname, port } = new URL(endpoint);
  return `${hostname}:${port === '' ? 443 : port}`;
}

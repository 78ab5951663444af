// One TLS handshake with a peer's door, made only to see it: which chain it presents, and whether it takes our client certificate. The
// link cannot say either when it fails, because TLS ends there. Nothing is read through this connection, and nothing trusted: the
// chain is verified afterwards (pki/trust).
//
// In TLS 1.3 a server judges the client's certificate after the client's side of the handshake is done, so that a refusal comes
// as an alert or as an end where the first answer should be. The door speaks HTTP/2: it is greeted, and whatever it answers
// says that it let us in.

import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import { clientContext } from '../../runtime/tls/client-context.ts';
import type { TlsPair } from '../../runtime/tls/material.ts';
import { presentedBy } from './presented-chain.ts';

export interface ProbedDoor {
  readonly host: string;
  readonly port: number;
  /** The name that its certificate is to carry. */
  readonly serverName: string;
  /** PEM texts of the trust store that is bound to the peer: what TLS makes of the chain is noted, and does not end the probe. */
  readonly store: readonly string[];
  /** What this cluster shows. */
  readonly client: TlsPair;
  /** @default HANDSHAKE_MS */
  readonly handshakeMs?: number;
}

export interface ProbeOutcome {
  /** As presented, leaf first; empty when the handshake did not come that far. */
  readonly chain: readonly X509Certificate[];
  /** Why TLS does not accept the chain. */
  readonly chainRefused: string | undefined;
  /** How the door refused our certificate. */
  readonly clientRefused: string | undefined;
  /** Whether the door answered us, so that it took our certificate. */
  readonly accepted: boolean;
  /** Why there is no chain, or why it is not known whether we are let in. */
  readonly problem: string | undefined;
}

export type ProbeDoor = (door: ProbedDoor, signal: AbortSignal) => Promise<ProbeOutcome>;

/** A door on another continent takes a second; one behind a filter takes for ever. */
const HANDSHAKE_MS = 5_000;
/** For the first answer of HTTP/2, which every server gives at once. */
const ANSWER_MS = 2_000;

/** The beginning of every HTTP/2 connection (RFC 9113, 3.4), with empty settings. */
const GREETING = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

/** Alerts by which a server refuses the certificate of a client. */
const REFUSALS =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_REVOKED|CERTIFICATE_EXPIRED|CERTIFICATE_UNKNOWN|UNKNOWN_CA|ACCESS_DENIED|CERTIFICATE_REQUIRED|DECRYPT_ERROR|HANDSHAKE_FAILURE)$/;

/** Rejects only when our own certificate or the trust store cannot be used at all. */
export const probeDoor: ProbeDoor = ({ host, port, serverName, store, client, handshakeMs = HANDSHAKE_MS }, signal) =>
  new Promise((resolve) => {
    let outcome: ProbeOutcome = {
      chain: [],
      chainRefused: undefined,
      clientRefused: undefined,
      accepted: false,
      problem: undefined,
    };
    let greeted = false;
    const socket = connect({
      host,
      port,
      servername: serverName,
      secureContext: clientContext({ ...client, ca: store.join('\n') }),
      ALPNProtocols: ['h2'],
      rejectUnauthorized: false,
    });
    const finish = (last: Partial<ProbeOutcome>) => {
      signal.removeEventListener('abort', abort);
      socket.destroy();
      resolve({ ...outcome, ...last });
    };
    const abort = () => finish({ problem: 'the probe was ended' });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();

    socket.setTimeout(handshakeMs, () =>
      finish({ problem: greeted ? undefined : `no answer within ${handshakeMs / 1000} s` }),
    );
    socket.once('secureConnect', () => {
      const { authorizationError } = socket;
      outcome = {
        ...outcome,
        chain: presentedBy(socket),
        chainRefused: authorizationError ? String(authorizationError) : undefined,
      };
      // What does not speak HTTP/2 would not answer the greeting, so that silence would prove nothing.
      if (socket.alpnProtocol !== 'h2') return finish({ problem: 'what answers is no door: it does not speak HTTP/2' });
      greeted = true;
      socket.setTimeout(ANSWER_MS);
      socket.write(GREETING);
    });
    socket.once('data', () => finish({ accepted: true }));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const chain = outcome.chain.length > 0 ? outcome.chain : presentedBy(socket);
      const alert = REFUSALS.exec(error.code ?? '')?.[1];
      if (alert !== undefined && chain.length > 0)
        finish({ chain, clientRefused: `alert ${alert.toLowerCase().replaceAll('_', ' ')}` });
      else if (greeted) finish({ clientRefused: CLOSED });
      else finish({ chain, problem: error.code ?? error.message });
    });
    socket.once('close', () => {
      if (greeted) finish({ clientRefused: CLOSED });
      else finish({ problem: outcome.problem ?? 'the connection was closed during the handshake' });
    });
  });

const CLOSED = 'it ended the connection right after the handshake, without an answer';

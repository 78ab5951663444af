// Why a program gave no answer, in words that say who has to do what. Over TLS most causes are in the certificates of one side or the
// other; TLS names them tersely, or, where Node ends a connection, not at all. Pure.

import { OperationalError, reasonOf } from '../runtime/errors.ts';

export interface FailedRequest {
  /** As it was asked for. */
  readonly server: string;
  readonly error: unknown;
  /** Absent where no TLS was spoken. */
  readonly tls?: {
    /** The name that the server has to have. */
    readonly servername: string;
    /** The folder of `--pki`. */
    readonly folder: string;
    /** The handshake was done as far as this side can tell, before the server has looked at our certificate. */
    readonly shaken: boolean;
  };
}

interface Explanation {
  readonly code: string;
  readonly reason: string;
  readonly hint: string;
  readonly retryable?: true;
}

export function requestFailure(failed: FailedRequest): OperationalError {
  const { server, error, tls } = failed;
  const explained = tls === undefined ? explainPlain(error) : explainTls(error, tls);
  return new OperationalError({ operation: 'ask', subject: server, cause: error, ...explained });
}

const NOT_THERE =
  'is the program running, and is this its http.listen address? Name another one with --server or CLUSTERMESH_SERVER (agents: --agent or CLUSTERMESH_AGENT)';

const unreachable = (error: unknown): Explanation => ({
  code: 'API_UNREACHABLE',
  reason: reasonOf(error),
  hint: NOT_THERE,
  retryable: true,
});

function explainPlain(error: unknown): Explanation {
  // A listener with TLS ends what is no handshake; one of another protocol answers in its own words.
  if (!isCutOff(error) && !codeOf(error).startsWith('HPE_')) return unreachable(error);
  return {
    ...unreachable(error),
    reason: `it ended the connection, or speaks something else than HTTP: ${reasonOf(error)}`,
    hint: `if it has http.tls, ask https:// with --pki; else ${NOT_THERE}`,
  };
}

function explainTls(error: unknown, tls: NonNullable<FailedRequest['tls']>): Explanation {
  const { servername, folder, shaken } = tls;
  const cluster = servername.split('.')[1] ?? '';
  const code = codeOf(error);
  const text = reasonOf(error);
  if (UNKNOWN_AUTHORITY.has(code)) {
    return {
      code: 'API_TLS_UNTRUSTED',
      reason: `its certificate is of an authority that ${folder}/ca/ca.pem does not hold (${code})`,
      hint: `is it an API server of ${cluster}? If its authority was replaced, copy ca/ca.pem and admin/ anew`,
    };
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const state = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet';
    return {
      code: 'API_TLS_EXPIRED',
      reason: `its certificate ${state}, by the clock of this machine`,
      hint: 'compare the clocks; then run clustermesh trust renew where the authority is kept, and copy http/ to that server',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      code: 'API_TLS_NAME',
      reason: `what answers there is not the HTTP API of ${cluster}: ${text}`,
      hint: `name the http.listen address of an API server of ${cluster}, or the --pki folder of the cluster that it is of`,
    };
  }
  if (/wrong version number|packet length too long|http request/i.test(text)) {
    return {
      code: 'API_TLS_PLAIN',
      reason: 'it speaks no TLS',
      hint: 'ask http:// instead, or give that server http.tls',
    };
  }
  if (/\balert\b/i.test(text) || (shaken && isCutOff(error))) {
    const said = /\balert ([a-z ]+)/i.exec(text)?.[1]?.trim() ?? 'the connection ended after the handshake';
    return {
      code: 'API_TLS_REFUSED',
      reason: `it does not take the certificate of ${folder}/admin: ${said}`,
      hint: `http.tls.ca there must hold the authority of ${cluster}, and its clock must be right; its log names the reason`,
    };
  }
  return unreachable(error);
}

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_SIGNATURE_FAILURE',
]);

const isCutOff = (error: unknown): boolean => codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE';

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

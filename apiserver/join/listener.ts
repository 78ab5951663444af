// The listener that invited clusters come to: HTTPS with TLS 1.3, a few paths, small bodies. It asks for a client certificate and takes
// any: whose it is, the inviter decides by the authority that the joiner brings. Everything is bounded before anybody is known.

import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { NONCE_BYTES } from '../../pki/join/proof.ts';
import { HTTP_LIMITS, type HttpLimits, ReaderLimits } from '../../runtime/http-limits.ts';
import { hostPort, listenError } from '../../runtime/listen.ts';
import type { Log } from '../../runtime/log.ts';
import type { CertificateSource } from '../../runtime/tls/certificate-source.ts';
import type { Answer, Inviter } from './inviter.ts';
import {
  ANSWER_PROOF_HEADER,
  BODY_BYTES_MAX,
  HELLO_BYTES_MAX,
  helloSchema,
  PATHS,
  parseAuthorization,
  type SignedPath,
} from './protocol.ts';

export interface JoinListenerDeps {
  readonly inviter: Pick<Inviter, 'answer' | 'hello' | 'authority'>;
  readonly certificates: CertificateSource;
  /** `address:port`; port 0 takes a free one. */
  readonly listen: string;
  readonly log: Log;
}

/** A body of the largest size over a slow link. */
const REQUEST_MS_MAX = 15_000;
const LIMITS: Pick<HttpLimits, 'connectionsMax' | 'waitingMax'> = {
  // Joins are rare; whoever opens more connections than this is no joiner.
  connectionsMax: 64,
  // A joiner waits for each answer; the next request may come before the last byte before it is known to be gone.
  waitingMax: 2,
};
const HEADERS_MS_MAX = 5_000;
/** How late a limit of time may be noticed. */
const CHECK_MS = 2_000;
const HEADER_BYTES_MAX = 4 * 1024;
/** Intermediates that a chain may have before it is cut: more is no chain. */
const CHAIN_LENGTH_MAX = 10;

export class JoinListener {
  readonly #deps: JoinListenerDeps;
  #server: Server | undefined;
  #release = (): void => {};

  constructor(deps: JoinListenerDeps) {
    this.#deps = deps;
  }

  /** Resolves with the port. */
  async start(): Promise<number> {
    const { certificates, listen, log } = this.#deps;
    const { certificate, key } = certificates.material;
    const server = createServer(
      {
        cert: certificate,
        key,
        minVersion: 'TLSv1.3',
        requestCert: true,
        rejectUnauthorized: false,
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: HEADERS_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        connectionsCheckingInterval: CHECK_MS,
        handshakeTimeout: HEADERS_MS_MAX,
      },
      (request, response) => {
        if (!readers.admits(request, response)) return;
        this.#handle(request, response).catch((error: unknown) => {
          // A request that was cut off is nobody's fault here.
          if (!request.destroyed || request.complete) log.error('join request failed', { error });
          if (response.headersSent) response.destroy();
          else send(response, NOT_READY);
        });
      },
    );
    const readers = new ReaderLimits(server, { ...HTTP_LIMITS, ...LIMITS });
    this.#server = server;
    this.#follow(server);
    const { host, port } = hostPort(listen);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(listen, error)));
      server.listen(port, host, resolve);
    });
    server.on('error', (error) => log.error('join listener failed', { error }));
    return (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#release();
    const server = this.#server;
    if (server?.listening !== true) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  /** New certificates count for the next handshake. */
  #follow(server: Server): void {
    const { certificates } = this.#deps;
    const listener: Parameters<CertificateSource['addIdentityCertificateListener']>[0] = (update) => {
      if (update !== null)
        server.setSecureContext({ cert: update.certificate, key: update.privateKey, minVersion: 'TLSv1.3' });
    };
    certificates.addIdentityCertificateListener(listener);
    this.#release = () => certificates.removeIdentityCertificateListener(listener);
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { inviter } = this.#deps;
    const path = request.url ?? '';
    if (request.method === 'GET' && path === PATHS.authority) return send(response, json(200, inviter.authority));
    if (request.method !== 'POST') return send(response, NOT_FOUND);
    if (path === PATHS.hello) {
      const body = await readBody(request, HELLO_BYTES_MAX);
      const nonce = body === undefined ? undefined : readNonce(body);
      return send(response, nonce === undefined ? NOT_FOUND : json(200, inviter.hello(nonce)));
    }
    if (!isSignedPath(path)) return send(response, NOT_FOUND);
    const credentials = parseAuthorization(request.headers.authorization);
    const body = credentials === undefined ? undefined : await readBody(request, BODY_BYTES_MAX);
    const socket = request.socket;
    if (!(socket instanceof TLSSocket)) return;
    const answer = await inviter.answer({
      path,
      credentials: body === undefined ? undefined : credentials,
      body: body ?? new Uint8Array(),
      server: socket.getX509Certificate(),
      client: presentedChain(socket.getPeerX509Certificate()),
      address: socket.remoteAddress ?? '',
    });
    send(response, answer);
  }
}

const isSignedPath = (path: string): path is SignedPath =>
  path === PATHS.plan || path === PATHS.prepare || path === PATHS.commit;

const json = (status: number, value: unknown): Answer => ({ status, body: Buffer.from(JSON.stringify(value)) });
/** What is wrong here, the etcd out of reach, is not for strangers to know. */
const NOT_READY = json(503, { type: 'about:blank', status: 503, title: 'Not ready', detail: 'try again later' });
const NOT_FOUND = json(404, { type: 'about:blank', status: 404, title: 'Not found', detail: 'there is nothing here' });

function send(response: ServerResponse, { status, body, proof }: Answer): void {
  response.writeHead(status, {
    'content-type': status < 400 ? 'application/json' : 'application/problem+json',
    'content-length': body.length,
    ...(proof === undefined ? {} : { [ANSWER_PROOF_HEADER]: Buffer.from(proof).toString('base64url') }),
    // What was not read of a body that is too large is not waited for.
    ...(response.req.complete ? {} : { connection: 'close' }),
  });
  response.end(body);
}

function readNonce(body: Uint8Array): Uint8Array | undefined {
  try {
    const parsed = helloSchema.safeParse(JSON.parse(Buffer.from(body).toString('utf8')));
    const nonce = parsed.success ? Buffer.from(parsed.data.nonce, 'base64url') : undefined;
    return nonce?.length === NONCE_BYTES ? nonce : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined when there is more than may be. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What the other side has sent, as far as it links up. A root points to itself. */
export function presentedChain(leaf: X509Certificate | undefined): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let at = leaf; at !== undefined && chain.length < CHAIN_LENGTH_MAX; at = at.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === at?.fingerprint256)) break;
    chain.push(at);
  }
  return chain;
}

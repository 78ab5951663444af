// The joiner's end of the wire: one TLS connection to an inviter that is known by the pins in a token. First the inviter's certificates are
// fetched from whoever answers; only those with a pinned key count, and only a connection whose chain leads to one of them, for the
// right cluster, is used for anything else. No other trust, no first use, no redirects.

import type { X509Certificate } from 'node:crypto';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { z } from 'zod';
import { parseTime } from '../../mesh/wire/time.ts';
import { answerProof, NONCE_BYTES, requestProof, sameProof, verifierOf } from '../../pki/join/proof.ts';
import type { JoinToken } from '../../pki/join/token.ts';
import { spkiPin } from '../../pki/spki.ts';
import { claimedRole } from '../../pki/verify.ts';
import { reasonOf } from '../../runtime/errors.ts';
import { hostPort } from '../../runtime/listen.ts';
import type { TlsPair } from '../../runtime/tls/material.ts';
import { certificatesOf } from '../../runtime/tls/pem.ts';
import { presentedChain } from './listener.ts';
import {
  ANSWER_PROOF_HEADER,
  authorityAnswerSchema,
  authorizationHeader,
  BODY_BYTES_MAX,
  helloAnswerSchema,
  PATHS,
  problemSchema,
  type SignedPath,
} from './protocol.ts';
import { isRefusal, type JoinRefusal, refusal, refusalOf } from './refusal.ts';

/** A listener that does not answer within this is taken for one behind a firewall. */
const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 20_000;

export interface JoinClientDeps {
  readonly token: JoinToken;
  /** What this cluster shows: the certificate that it shows at doors too. */
  readonly pair: TlsPair;
  readonly randomBytes: (size: number) => Uint8Array;
}

interface Reply {
  readonly status: number;
  readonly body: Buffer;
  readonly proof: string | undefined;
  readonly chain: readonly X509Certificate[];
}

/** Signed requests to one inviter, over a connection whose key is part of every proof. */
export interface JoinSession {
  /** The inviter's clock, milliseconds since the epoch. */
  readonly inviterTime: number;
  /** What the inviter has shown, leaf first. */
  readonly chain: readonly X509Certificate[];
  ask<T>(path: SignedPath, body: Uint8Array, schema: z.ZodType<T>): Promise<T>;
  close(): void;
}

/** The first endpoint that answers. Rejects with what is wrong at the last one. */
export async function openJoinSession(deps: JoinClientDeps): Promise<JoinSession> {
  let last: JoinRefusal | undefined;
  for (const endpoint of deps.token.endpoints) {
    try {
      return await openAt(endpoint, deps);
    } catch (error) {
      if (!isRefusal(error) || error.code !== 'JOIN_UNREACHABLE') throw error;
      last = error;
    }
  }
  throw last ?? refusal('JOIN_UNREACHABLE', deps.token.cluster, 'the token names no endpoint');
}

/** Whether an inviter with these keys answers there: what is asked before a token is handed out. */
export async function probeInviter(endpoint: string, pins: readonly string[]): Promise<void> {
  await fetchAnchors(endpoint, pins);
}

async function openAt(endpoint: string, { token, pair, randomBytes }: JoinClientDeps): Promise<JoinSession> {
  const anchors = await fetchAnchors(endpoint, token.pins);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 1,
    maxCachedSessions: 0,
    minVersion: 'TLSv1.3',
    ca: anchors.map(String),
    cert: pair.certificate,
    key: pair.key,
    checkServerIdentity: (_host, certificate) => nameProblem(certificate, token),
  });
  const send = (method: 'GET' | 'POST', path: string, body: Uint8Array, headers = {}): Promise<Reply> =>
    exchange(endpoint, { agent, method, path, headers }, body);
  try {
    const nonceJoiner = randomBytes(NONCE_BYTES);
    const hello = await send('POST', PATHS.hello, jsonBytes({ nonce: Buffer.from(nonceJoiner).toString('base64url') }));
    const { nonce, time } = parseJson(endpoint, hello, helloAnswerSchema);
    const nonceInviter = Buffer.from(nonce, 'base64url');
    const inviterTime = parseTime(time);
    const [shown] = hello.chain;
    const [own] = certificatesOf(pair.certificate);
    if (nonceInviter.length !== NONCE_BYTES || !inviterTime.ok || shown === undefined || own === undefined) {
      throw refusal('JOIN_PROTOCOL', endpoint, 'its greeting cannot be read');
    }
    const verifier = verifierOf(token.secret, token.invitation);
    const keys = { inviterKey: spkiPin(shown), joinerKey: spkiPin(own) };
    return {
      inviterTime: inviterTime.value,
      chain: hello.chain,
      close: () => agent.destroy(),
      async ask(path, body, schema) {
        const { invitation } = token;
        const proof = requestProof(verifier, { invitation, nonceJoiner, nonceInviter, ...keys, path, body });
        const authorization = authorizationHeader({ invitation, nonceInviter, nonceJoiner, proof });
        const reply = await send('POST', path, body, { authorization });
        const [again] = reply.chain;
        const wanted = answerProof(verifier, proof, reply.status, reply.body);
        const proved = reply.proof !== undefined && sameProof(Buffer.from(reply.proof, 'base64url'), wanted);
        if (!proved || again === undefined || spkiPin(again) !== keys.inviterKey) throw unproved(endpoint, reply);
        return parseReply(endpoint, reply, schema);
      },
    };
  } catch (error) {
    agent.destroy();
    throw error;
  }
}

/** The certificates of the inviter's authorities that have a pinned key. What is fetched is believed only for that. */
async function fetchAnchors(endpoint: string, pins: readonly string[]): Promise<readonly X509Certificate[]> {
  const agent = new Agent({ rejectUnauthorized: false, maxCachedSessions: 0, minVersion: 'TLSv1.3' });
  try {
    const reply = await exchange(endpoint, { agent, method: 'GET', path: PATHS.authority }, new Uint8Array());
    const { ca } = parseJson(endpoint, reply, authorityAnswerSchema);
    const anchors = certificatesOf(ca).filter((certificate) => pins.includes(spkiPin(certificate)));
    if (anchors.length > 0) return anchors;
  } catch (error) {
    if (isRefusal(error)) throw error;
    throw refusal('JOIN_WRONG_PIN', endpoint, `its certificates cannot be read: ${reasonOf(error)}`, { cause: error });
  } finally {
    agent.destroy();
  }
  throw refusal('JOIN_WRONG_PIN', endpoint, 'whoever answers has no authority with a key that the token names');
}

/** OpenSSL has verified the chain; this is whose it is. */
function nameProblem(certificate: PeerCertificate, { cluster }: JoinToken): Error | undefined {
  const role = claimedRole(certificate.raw);
  if (role.ok && role.value.role === 'apiserver' && role.value.cluster === cluster) return undefined;
  const whose = role.ok ? `that of ${role.value.role} of ${role.value.cluster}` : role.error;
  const reason = `the certificate is not that of an API server of ${cluster}: ${whose}`;
  return Object.assign(new Error(reason), { code: 'ERR_TLS_CERT_NAME' });
}

/** What was presented in the handshake of each connection: Node tells it once. */
const CHAINS = new WeakMap<object, readonly X509Certificate[]>();

function exchange(endpoint: string, options: RequestOptions, body: Uint8Array): Promise<Reply> {
  const { host, port } = hostPort(endpoint);
  return new Promise((resolve, reject) => {
    let secured = false;
    const fail = (cause: unknown) =>
      reject(
        isCertificateError(cause)
          ? refusal('JOIN_WRONG_PIN', endpoint, `its certificate is not usable: ${reasonOf(cause)}`, { cause })
          : refusal('JOIN_UNREACHABLE', endpoint, reasonOf(cause), { cause }),
      );
    const headers = { ...options.headers, 'content-length': body.length, 'content-type': 'application/json' };
    const asked = httpsRequest({ host, port, timeout: CONNECT_MS_MAX, ...options, headers });
    const deadline = setTimeout(
      () => asked.destroy(new Error(`no answer in ${ANSWER_MS_MAX / 1000} s`)),
      ANSWER_MS_MAX,
    );
    asked.once('close', () => clearTimeout(deadline));
    asked.once('timeout', () => {
      if (!secured) asked.destroy(new Error(`no connection in ${CONNECT_MS_MAX / 1000} s`));
    });
    asked.once('socket', (taken) => {
      secured = asked.reusedSocket;
      taken.once('secureConnect', () => {
        secured = true;
        CHAINS.set(taken, presentedChain((taken as TLSSocket).getPeerX509Certificate()));
      });
    });
    asked.once('error', fail);
    asked.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const chain = CHAINS.get(response.socket) ?? [];
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > BODY_BYTES_MAX) asked.destroy(new Error(`the answer exceeds ${BODY_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', fail);
      response.once('end', () => {
        const proof = response.headers[ANSWER_PROOF_HEADER];
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks),
          proof: typeof proof === 'string' ? proof : undefined,
          chain,
        });
      });
    });
    asked.end(body);
  });
}

/** Node's codes for a chain that does not verify, and ours for a name. */
const isCertificateError = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/.test(String(error.code));

function unproved(endpoint: string, { status }: Reply): JoinRefusal {
  if (status === 401) return refusal('JOIN_DENIED', endpoint, 'it does not know this token');
  if (status === 429) return refusal('JOIN_DENIED', endpoint, 'it takes no more attempts from here for a minute');
  if (status === 503) return refusal('JOIN_NOT_READY', endpoint, 'its API server cannot answer now; see its log');
  return refusal('JOIN_PROTOCOL', endpoint, `it answered ${status} without proof that it knows the token`);
}

/** An answer that was proved: its refusals count. */
function parseReply<T>(endpoint: string, reply: Reply, schema: z.ZodType<T>): T {
  if (reply.status === 200) return parseJson(endpoint, reply, schema);
  throw refusalOf(endpoint, parseJson(endpoint, { ...reply, status: 200 }, problemSchema));
}

function parseJson<T>(endpoint: string, { status, body }: Reply, schema: z.ZodType<T>): T {
  if (status !== 200) throw refusal('JOIN_PROTOCOL', endpoint, `it answered ${status}`);
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw refusal('JOIN_PROTOCOL', endpoint, 'its answer is not JSON', { cause });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refusal('JOIN_PROTOCOL', endpoint, `its answer: ${issue?.path.join('.')}: ${issue?.message}`);
}

const jsonBytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

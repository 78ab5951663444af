// The inviting side of a join: makes invitations, and answers those who come with one. Who has not proved the secret is told nothing, in
// constant time; who has, is told exactly what is wrong. Nothing is used up before the commit, and a commit that is repeated by the
// same joiner does the same again. How requests arrive is the listener's business (listener.ts).

import { createHash, createHmac, type X509Certificate } from 'node:crypto';
import { counted } from '../../mesh/model/counted.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { answerProof, NONCE_BYTES, requestProof, sameProof, verifierOf } from '../../pki/join/proof.ts';
import { encodeToken, INVITATION_BYTES, type JoinToken, PINS_MAX, SECRET_BYTES } from '../../pki/join/token.ts';
import { fingerprintWords } from '../../pki/join/words.ts';
import { spkiPin, spkiPins } from '../../pki/spki.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { PeerFiles } from '../peers/peer-files.ts';
import { Attempts } from './attempts.ts';
import type { Invitation, JoinerId } from './invitation-record.ts';
import type { Invitations } from './invitations.ts';
import type { OwnSide, ReadOffer } from './own-side.ts';
import { type Credentials, NONCE_LIFE_MS, type Offer, offerSchema, PATHS, type SignedPath } from './protocol.ts';
import { isRefusal, problemOf, refusal, UNIFORM } from './refusal.ts';

export interface InviterDeps {
  readonly own: OwnSide;
  readonly clusterId: number;
  readonly invitations: Invitations;
  readonly files: PeerFiles;
  readonly isPeer: (name: ClusterName) => boolean;
  /** `host:port` at which others reach the join listener. */
  readonly advertise: readonly string[];
  /** Rejects where nobody answers, or somebody else. */
  readonly probe: (endpoint: string, pins: readonly string[]) => Promise<void>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

export interface IssuedInvitation {
  /** Tells it from others, and is no secret. */
  readonly id: string;
  readonly token: string;
  readonly words: string;
  readonly peer: string;
  readonly expires_at: string;
  readonly endpoints: readonly string[];
}

export interface SignedRequest {
  readonly path: SignedPath;
  readonly credentials: Credentials | undefined;
  readonly body: Uint8Array;
  /** The keys of this TLS connection. `client` is what the joiner has shown, leaf first, unverified; it holds the leaf's key. */
  readonly server: X509Certificate | undefined;
  readonly client: readonly X509Certificate[];
  readonly address: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  /** Present only for who has proved the secret. */
  readonly proof?: Uint8Array;
}

/** From prepare until the link to the new peer has its card: what comes later is told by the link. */
const JOINING_MS = 60_000;

export class Inviter {
  readonly #deps: InviterDeps;
  readonly #attempts: Attempts;
  readonly #prepared = new Map<ClusterName, { readonly offer: Offer; readonly until: number }>();
  /** Nonces are recognised by it instead of being remembered; another process, another key. */
  readonly #nonceKey: Uint8Array;
  /** Stands for the verifier of an invitation that does not exist, so that the answer takes as long. */
  readonly #nobody: Uint8Array;

  constructor(deps: InviterDeps) {
    this.#deps = deps;
    this.#attempts = new Attempts(deps.clock);
    this.#nonceKey = deps.randomBytes(NONCE_BYTES);
    this.#nobody = deps.randomBytes(NONCE_BYTES);
  }

  async invite(peer: ClusterName, ttlMs: number): Promise<IssuedInvitation> {
    const { own, clusterId, invitations, files, isPeer, advertise, probe, randomBytes, clock } = this.#deps;
    if (peer === own.self) throw refusal('JOIN_OWN_TOKEN', peer, 'a cluster cannot be its own peer');
    if (isPeer(peer)) throw refusal('JOIN_ALREADY_PEER', peer, `${peer} is a peer of ${own.self}`);
    await files.assertNotRevoked(peer);
    own.offer();
    const pins = spkiPins([own.ca]).slice(0, PINS_MAX);
    await Promise.all(advertise.map((endpoint) => probe(endpoint, pins)));
    const token: JoinToken = {
      cluster: own.self,
      clusterId,
      peer,
      invitation: randomBytes(INVITATION_BYTES),
      secret: randomBytes(SECRET_BYTES),
      expiresAt: Math.floor((clock.now() + ttlMs) / 1000) * 1000,
      endpoints: advertise,
      pins,
    };
    const id = Buffer.from(token.invitation).toString('hex');
    await invitations.open({
      id,
      peer,
      expiresAt: token.expiresAt,
      verifier: verifierOf(token.secret, token.invitation).toString('base64url'),
    });
    this.#deps.log.info('invitation made', { invitation: id, peer, expires: formatTime(token.expiresAt) });
    return {
      id,
      token: encodeToken(token),
      words: fingerprintWords(token),
      peer,
      expires_at: formatTime(token.expiresAt),
      endpoints: advertise,
    };
  }

  get authority(): { readonly ca: string } {
    return { ca: this.#deps.own.ca };
  }

  hello(nonceJoiner: Uint8Array): { readonly nonce: string; readonly time: string } {
    const now = this.#deps.clock.now();
    return { nonce: this.#nonce(now, nonceJoiner).toString('base64url'), time: formatTime(now) };
  }

  async answer(request: SignedRequest): Promise<Answer> {
    if (this.#attempts.isTooMany(request.address)) return plain({ ...UNIFORM, status: 429 });
    const proved = await this.#prove(request);
    if (proved === undefined) {
      this.#attempts.failed(request.address);
      this.#deps.log.warn('join refused: no proof', { address: request.address });
      return plain(UNIFORM);
    }
    const { status, body } = await this.#outcome(request, proved.invitation);
    return { status, body, proof: answerProof(proved.verifier, proved.proof, status, body) };
  }

  async #prove({ credentials, path, body, server, client }: SignedRequest) {
    const [leaf] = client;
    if (credentials === undefined || server === undefined || leaf === undefined) return undefined;
    const id = Buffer.from(credentials.invitation).toString('hex');
    const invitation = await this.#deps.invitations.find(id);
    const verifier = invitation === undefined ? this.#nobody : Buffer.from(invitation.verifier, 'base64url');
    const { nonceInviter, nonceJoiner } = credentials;
    const proof = requestProof(verifier, {
      invitation: credentials.invitation,
      nonceInviter,
      nonceJoiner,
      inviterKey: spkiPin(server),
      joinerKey: spkiPin(leaf),
      path,
      body,
    });
    const fits = sameProof(proof, credentials.proof);
    const ours = this.#isOurNonce(nonceInviter, nonceJoiner);
    return fits && ours && invitation !== undefined ? { invitation, verifier, proof } : undefined;
  }

  async #outcome(request: SignedRequest, invitation: Invitation): Promise<Omit<Answer, 'proof'>> {
    try {
      return json(200, await this.#carryOut(request, invitation));
    } catch (error) {
      if (!isRefusal(error)) {
        this.#deps.log.error('join failed', { error });
        return plain(problemOf(refusal('JOIN_NOT_READY', invitation.peer, 'it could not be carried out; see the log')));
      }
      this.#deps.log.info('join refused', { peer: invitation.peer, code: error.code, reason: error.reason });
      return plain(problemOf(error));
    }
  }

  async #carryOut({ path, body, client }: SignedRequest, invitation: Invitation): Promise<unknown> {
    const { own, invitations, files, isPeer, log } = this.#deps;
    const read = own.read(readOffer(own.self, body), client, 'peer');
    const joiner = joinerOf(read, body);
    if (read.name !== invitation.peer) {
      const reason = `it is for ${invitation.peer}, and this is ${read.name}`;
      throw refusal('JOIN_WRONG_PEER', read.name, reason);
    }
    invitations.refuse(invitation, joiner);
    if (isPeer(read.name) && !invitations.isRepeat(invitation, joiner)) {
      throw refusal('JOIN_ALREADY_PEER', read.name, `${read.name} is a peer of ${own.self}`);
    }
    await files.assertNotRevoked(read.name);
    const { findings, blocking } = own.plan(read, this.#joining());
    if (path === PATHS.plan) return { offer: own.offer(), findings };
    if (blocking.length > 0) {
      throw refusal('JOIN_CONFLICTS', read.name, counted(blocking.length, 'blocking finding'), { findings });
    }
    if (path === PATHS.prepare) {
      await this.#prepare(invitation.id, joiner, read.offer);
      return { offer: own.offer(), findings };
    }
    await invitations.commit(invitation.id, joiner);
    await files.write({ name: read.name, endpoints: read.offer.endpoints, ca: read.offer.ca });
    log.info('joined', { peer: read.name, role: 'inviter' });
    return { committed: true };
  }

  async #prepare(id: string, joiner: JoinerId, offer: Offer): Promise<void> {
    const { files, invitations, clock } = this.#deps;
    // Noted in the same turn in which it was judged: nobody is judged in between without it.
    const entry = { offer, until: clock.monotonic() + JOINING_MS };
    const before = this.#prepared.get(joiner.name);
    this.#prepared.set(joiner.name, entry);
    try {
      await files.assertWritable();
      await invitations.prepare(id, joiner);
    } catch (error) {
      if (before !== undefined) this.#prepared.set(joiner.name, before);
      else if (this.#prepared.get(joiner.name) === entry) this.#prepared.delete(joiner.name);
      throw error;
    }
  }

  /** Whoever has prepared may be a member in a moment: of two that do not fit together, the second is refused. */
  #joining(): ReadonlyMap<ClusterName, Offer> {
    const now = this.#deps.clock.monotonic();
    for (const [name, { until }] of this.#prepared) if (until < now) this.#prepared.delete(name);
    return new Map([...this.#prepared].map(([name, { offer }]) => [name, offer]));
  }

  #nonce(now: number, nonceJoiner: Uint8Array): Buffer {
    const time = Buffer.alloc(8);
    time.writeDoubleBE(now);
    const mac = createHmac('sha256', this.#nonceKey).update(time).update(nonceJoiner).digest();
    return Buffer.concat([time, mac.subarray(0, NONCE_BYTES - time.length)]);
  }

  #isOurNonce(nonce: Uint8Array, nonceJoiner: Uint8Array): boolean {
    const madeAt = Buffer.from(nonce).readDoubleBE(0);
    const ageMs = this.#deps.clock.now() - madeAt;
    return sameProof(this.#nonce(madeAt, nonceJoiner), nonce) && ageMs >= 0 && ageMs <= NONCE_LIFE_MS;
  }
}

function readOffer(self: ClusterName, body: Uint8Array): Offer {
  const parsed = offerSchema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw refusal('JOIN_OFFER', self, `${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'not an offer'}`);
}

const joinerOf = ({ name, card, pins }: ReadOffer, body: Uint8Array): JoinerId => ({
  name,
  uid: card.uid,
  pins: [...pins].sort().join(' '),
  offer: createHash('sha256').update(body).digest('base64url'),
});

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString('utf8'));
  } catch {
    return undefined;
  }
}

const json = (status: number, value: unknown) => ({ status, body: Buffer.from(JSON.stringify(value)) });
const plain = (problem: { readonly status: number }) => json(problem.status, problem);

// The joining side: reads a token, shows what the join would mean on both sides, and carries it out. The order is what makes it safe to repeat: nothing
// is written here before the inviter has committed, and a join that broke off after that is finished by running it again.

import type { Finding } from '../../mesh/conflict/finding.ts';
import { counted } from '../../mesh/model/counted.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { formatTime } from '../../mesh/wire/time.ts';
import { type JoinToken, parseToken } from '../../pki/join/token.ts';
import { fingerprintWords } from '../../pki/join/words.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Log } from '../../runtime/log.ts';
import type { TlsPair } from '../../runtime/tls/material.ts';
import type { PeerFiles } from '../peers/peer-files.ts';
import { type JoinSession, openJoinSession } from './client.ts';
import { clocksDiffer, type OwnSide, type ReadOffer } from './own-side.ts';
import { CLOCK_DIFFERENCE_MS_MAX, committedSchema, PATHS, planAnswerSchema } from './protocol.ts';
import { refusal } from './refusal.ts';
import { shown } from './shown.ts';

export interface JoinerDeps {
  readonly own: OwnSide;
  readonly files: PeerFiles;
  readonly isPeer: (name: ClusterName) => boolean;
  /** The certificate that this cluster shows at its peers' doors. */
  readonly pair: () => Promise<TlsPair>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
}

/** What `clustermesh join` shows. Fields are only added. */
export interface JoinDocument {
  readonly schema_version: 1;
  /** planned: nothing was changed. joined: both sides have written the other down. */
  readonly state: 'planned' | 'joined';
  readonly cluster: string;
  readonly peer: {
    readonly name: string;
    readonly id: number;
    readonly uid: string;
    readonly pod_cidrs: readonly string[];
    readonly service_cidrs: readonly string[];
    readonly node_cidrs: readonly string[];
    readonly software: string;
    readonly endpoints: readonly string[];
    readonly spki_pins: readonly string[];
  };
  /** To be compared by voice with what the inviter was shown. */
  readonly words: string;
  readonly expires_at: string;
  /** What is done when it is carried out, a line each. */
  readonly steps: readonly string[];
  readonly blocked: boolean;
  /** By the rules as they run here, and as they run at the inviter. */
  readonly findings: { readonly here: readonly Finding[]; readonly there: readonly Finding[] };
}

export class Joiner {
  readonly #deps: JoinerDeps;

  constructor(deps: JoinerDeps) {
    this.#deps = deps;
  }

  /** Both sides' view; changes nothing anywhere. */
  async plan(text: string): Promise<JoinDocument> {
    const token = this.#read(text);
    await this.#deps.files.assertNotRevoked(token.cluster);
    const session = await this.#open(token);
    try {
      return (await this.#negotiate(token, session, PATHS.plan)).document;
    } finally {
      session.close();
    }
  }

  async join(text: string): Promise<JoinDocument> {
    const { files, log } = this.#deps;
    const token = this.#read(text);
    await files.assertNotRevoked(token.cluster);
    await files.assertWritable();
    const session = await this.#open(token);
    try {
      const body = this.#offer();
      // Asked before anything is taken: whoever is in conflict takes nothing.
      const plan = await this.#negotiate(token, session, PATHS.plan, body);
      this.#refuseConflicts(token, plan.document);
      const { peer, document } = await this.#negotiate(token, session, PATHS.prepare, body);
      this.#refuseConflicts(token, document);
      await session.ask(PATHS.commit, body, committedSchema);
      await files.write({ name: peer.name, endpoints: peer.offer.endpoints, ca: peer.offer.ca });
      log.info('joined', { peer: peer.name, role: 'joiner' });
      return { ...document, state: 'joined' };
    } finally {
      session.close();
    }
  }

  #read(text: string): JoinToken {
    const { own, isPeer, files } = this.#deps;
    const parsed = parseToken(text);
    if (!parsed.ok) throw refusal('JOIN_TOKEN', own.self, parsed.error);
    const token = parsed.value;
    if (token.cluster === own.self) throw refusal('JOIN_OWN_TOKEN', own.self, `it was made by ${own.self} itself`);
    if (token.peer !== own.self) {
      throw refusal('JOIN_WRONG_PEER', own.self, `it is for ${token.peer}, and this is ${own.self}`);
    }
    if (isPeer(token.cluster)) {
      throw refusal('JOIN_ALREADY_PEER', token.cluster, `${token.cluster} is a peer of ${own.self}`);
    }
    files.assertConfigured();
    return token;
  }

  async #open(token: JoinToken): Promise<JoinSession> {
    const { pair, randomBytes, clock, own } = this.#deps;
    const session = await openJoinSession({ token, pair: await pair(), randomBytes });
    const now = clock.now();
    if (Math.abs(session.inviterTime - now) <= CLOCK_DIFFERENCE_MS_MAX) return session;
    session.close();
    throw clocksDiffer(token.cluster, own.self, session.inviterTime, now);
  }

  #offer = (): Uint8Array => Buffer.from(JSON.stringify(this.#deps.own.offer()));

  async #negotiate(
    token: JoinToken,
    session: JoinSession,
    path: typeof PATHS.plan | typeof PATHS.prepare,
    body = this.#offer(),
  ): Promise<{ readonly peer: ReadOffer; readonly document: JoinDocument }> {
    const { own } = this.#deps;
    const { offer, findings } = await session.ask(path, body, planAnswerSchema);
    const peer = own.read(offer, session.chain, 'any');
    if (peer.name !== token.cluster) {
      throw refusal(
        'JOIN_OFFER',
        token.cluster,
        `its card says that it is ${peer.name}, and the token ${token.cluster}`,
      );
    }
    const here = own.plan(peer);
    const blocked = [...here.findings, ...findings].some(({ severity }) => severity === 'blocking');
    const document = this.#document(token, peer, blocked, { here: here.findings, there: findings });
    return { peer, document: shown(document) };
  }

  #document(
    token: JoinToken,
    { name, card, pins, offer }: ReadOffer,
    blocked: boolean,
    findings: JoinDocument['findings'],
  ): JoinDocument {
    const { own } = this.#deps;
    return {
      schema_version: 1,
      state: 'planned',
      cluster: own.self,
      peer: {
        name,
        id: card.id,
        uid: card.uid,
        pod_cidrs: card.podCIDRs,
        service_cidrs: card.serviceCIDRs,
        node_cidrs: card.nodeCIDRs,
        software: card.versions.software,
        endpoints: offer.endpoints,
        spki_pins: pins,
      },
      words: fingerprintWords(token),
      expires_at: formatTime(token.expiresAt),
      steps: [
        `${name} writes down ${own.self}: its doors, and its authorities as the trust store of ${own.self}`,
        `${own.self} writes down ${name}: ${offer.endpoints.join(', ')}, and its authorities as the trust store of ${name}`,
      ],
      blocked,
      findings,
    };
  }

  #refuseConflicts(token: JoinToken, { blocked, findings }: JoinDocument): void {
    if (!blocked) return;
    const known = new Set(findings.here.map(({ fingerprint }) => fingerprint));
    const all = [...findings.here, ...findings.there.filter(({ fingerprint }) => !known.has(fingerprint))];
    const count = all.filter(({ severity }) => severity === 'blocking').length;
    throw refusal('JOIN_CONFLICTS', token.cluster, counted(count, 'blocking finding'), { findings: all });
  }
}

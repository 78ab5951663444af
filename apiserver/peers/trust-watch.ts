// Watches whether trust holds between this cluster and its peers: probes every door when a peer appears, when its link fails, and
// every few minutes, and judges what was presented against the trust store that is bound to the peer. A door that takes our certificate is
// asked whether we may read, unless the link does. The first look at a door from which the link reads is at the link's own handshake. The last chain and the last answer seen count until others are: a door that does not answer has not become
// trusted, nor untrusted. Where a peer's keys are replaced, what was seen before counts under the old ones until its door has been looked at again.

import { readFile } from 'node:fs/promises';
import type { Assessment } from '../../mesh/conflict/evaluate.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { assessmentOf, type JudgedTrust, judgeTrust } from '../../pki/trust/assess.ts';
import type { ClientRefusal } from '../../pki/trust/client-refusal.ts';
import { type Clock, sleep } from '../../runtime/clock.ts';
import { reasonOf } from '../../runtime/errors.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import type { TlsPair } from '../../runtime/tls/material.ts';
import { WorkQueue } from '../../runtime/work-queue.ts';
import type { AskDoor, ReadAnswer } from './may-read.ts';
import type { PeerSpec } from './peer-spec.ts';
import type { LinkHandshake } from './port.ts';
import { type PeerKnowledge, SeenDoor } from './seen-door.ts';
import type { ProbeDoor, ProbeOutcome } from './trust-probe.ts';

export interface TrustWatchDeps {
  readonly self: ClusterName;
  /** The peers that are configured. */
  readonly specs: () => readonly PeerSpec[];
  readonly spec: (peer: ClusterName) => PeerSpec | undefined;
  /** How often the link of a peer has failed. */
  readonly failures: (peer: ClusterName) => number;
  /** Whether the link of a peer reads there, or is about to for the first time. Absent where nothing is known of links. */
  readonly link?: (peer: ClusterName) => 'reads' | 'begins' | undefined;
  /** What the connection of a link has shown, while there is one. */
  readonly handshake?: (peer: ClusterName) => LinkHandshake | undefined;
  readonly known: (peer: ClusterName) => PeerKnowledge;
  /** PEM texts of the own authorities. */
  readonly ownCa: () => readonly string[];
  /** What this cluster shows where a peer's document does not say otherwise: paths of PEM files. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  readonly probe: ProbeDoor;
  readonly ask: AskDoor;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A certificate that is replaced is noticed within this; a handshake costs both sides some milliseconds. */
const PROBE_EVERY_MS = 5 * 60_000;
/** While something is wrong somebody is at work on it. */
const PROBE_FAULTY_EVERY_MS = 30_000;
/** What a link that is about to be shows soon by itself is not looked for beside it, for so long; then something holds it up. */
const FIRST_LOOK_MS = 15_000;
/** A link that fails again and again is not a reason to probe as often. */
const PROBE_PAUSE_MS = 10_000;
/** Spreads the probes of many peers. */
const JITTER_SHARE = 0.1;
/** A door may have several replicas, each with its own certificate. */
const ENDPOINTS_MAX = 8;
/** Peers that are probed at the same time. */
const PARALLEL_MAX = 8;
/** An end without an alert may be a door that restarts: it is taken for a refusal when it happens twice. */
const SECOND_LOOK_MS = 1_000;

interface WatchedPeer {
  readonly spec: string;
  failures: number;
  /** Not looked at yet, because its link is about to be. */
  awaitsLink: boolean;
  /** Its keys have been replaced since the last look, and the next one is on its way. */
  keysReplaced: boolean;
  probedAt: number;
  cancel: () => void;
  /** By endpoint. */
  readonly seen: Map<string, SeenDoor>;
}

export class PeerTrustWatch {
  readonly #deps: TrustWatchDeps;
  readonly #queue: WorkQueue<ClusterName>;
  readonly #peers = new Map<ClusterName, WatchedPeer>();
  readonly #listeners = new Set<() => void>();

  constructor(deps: TrustWatchDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      name: 'trust',
      clock: deps.clock,
      random: deps.random,
      batchMax: PARALLEL_MAX,
      work: (peers, signal) => this.#probeAll(peers, signal),
      onError: (error) => deps.log.error('cannot probe the trust of peers', { error }),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    for (const { name } of this.#deps.specs()) this.peerChanged(name);
    await this.#queue.run(signal);
    for (const { cancel } of this.#peers.values()) cancel();
  }

  /** Something about the peer may be other than before: it is there or gone, reached otherwise, or its link failed. */
  peerChanged(name: ClusterName): void {
    const { spec: specOf, failures: failuresOf, link, clock } = this.#deps;
    const spec = specOf(name);
    const known = this.#peers.get(name);
    const text = spec === undefined ? undefined : JSON.stringify(spec);
    const failures = failuresOf(name);
    if (text === undefined || known?.spec !== text) {
      known?.cancel();
      this.#peers.delete(name);
      if (known !== undefined) this.#tell();
      if (text === undefined) return;
      const awaitsLink = link?.(name) === 'begins';
      const probedAt = Number.NEGATIVE_INFINITY;
      const begun = { awaitsLink, keysReplaced: false, probedAt };
      const watched = { spec: text, failures, ...begun, cancel: () => {}, seen: new Map() };
      this.#peers.set(name, watched);
      if (awaitsLink) this.#later(name, watched, FIRST_LOOK_MS);
      else this.#queue.add(name);
      return;
    }
    if (known.awaitsLink && link?.(name) !== 'begins') {
      known.awaitsLink = false;
      known.cancel();
      this.#queue.add(name);
    }
    if (failures === known.failures) return;
    known.failures = failures;
    this.#later(name, known, known.probedAt + PROBE_PAUSE_MS - clock.monotonic());
  }

  /** What is known now; of peers that were not reached yet, that it is not known. */
  assessment(): Assessment {
    const { self, ownCa, clock } = this.#deps;
    const now = clock.now();
    const own = judgeTrust({ cluster: self, ca: ownCa().join('\n'), local: self, now });
    const peers = [...this.#peers].flatMap(([cluster, watched]) =>
      watched.seen.size > 0
        ? this.#judged(cluster, watched, now)
        : [judgeTrust({ cluster, local: self, now, missing: 'its door was not looked at yet' })],
    );
    return assessmentOf([...(peers.length === 0 ? [] : [own]), ...peers], { local: self, now });
  }

  #judged(name: ClusterName, watched: WatchedPeer, now: number): readonly JudgedTrust[] {
    const { known: knownOf, clock } = this.#deps;
    const known = knownOf(name);
    return [...watched.seen.values()].map((door) => {
      if (!door.outdatedBy(known)) return door.judged(known, now);
      if (!watched.keysReplaced) this.#later(name, watched, watched.probedAt + PROBE_PAUSE_MS - clock.monotonic());
      watched.keysReplaced = true;
      return door.judgedAsSeen(now);
    });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #probeAll(peers: readonly ClusterName[], signal: AbortSignal): Promise<undefined> {
    await Promise.all(peers.map((peer) => this.#probePeer(peer, signal)));
    this.#tell();
  }

  async #probePeer(name: ClusterName, signal: AbortSignal): Promise<void> {
    const { spec: specOf, known, clock, random } = this.#deps;
    const watched = this.#peers.get(name);
    const spec = specOf(name);
    if (watched === undefined || spec === undefined) return;
    watched.awaitsLink = false;
    watched.keysReplaced = false;
    const first = watched.probedAt === Number.NEGATIVE_INFINITY;
    for (const endpoint of spec.endpoints.slice(0, ENDPOINTS_MAX)) {
      const byLink = first ? this.#seenByLink(spec) : undefined;
      const seen = byLink ?? (await this.#look(spec, endpoint, watched.seen.get(endpoint)?.denied, signal));
      if (signal.aborted || this.#peers.get(name) !== watched) return;
      // The last chain stays known while the door is away; what is wrong with the way there is the link's to say.
      const before = watched.seen.get(endpoint);
      const isKept = !seen.presented && before?.presented === true;
      watched.seen.set(endpoint, isKept ? before.under(known(name)) : seen);
    }
    watched.probedAt = clock.monotonic();
    const sound = [...watched.seen.values()]
      .map((door) => door.judged(known(name), clock.now()))
      .every(({ findings, doubts }) => findings.length === 0 && doubts.length === 0);
    const pause = sound ? PROBE_EVERY_MS : PROBE_FAULTY_EVERY_MS;
    this.#later(name, watched, pause * (1 - JITTER_SHARE + 2 * JITTER_SHARE * random.next()));
  }

  /**
   * What a probe would see at a door where the link reads: TLS took its chain, and it took our certificate. That saves a handshake
   * for each of hundreds of peers that join; later looks are the probe's, since a connection shows what was true when it was made.
   */
  #seenByLink(spec: PeerSpec): SeenDoor | undefined {
    const { self, link, handshake, known, clock } = this.#deps;
    const [endpoint, ...more] = spec.endpoints;
    const seen = link?.(spec.name) === 'reads' ? handshake?.(spec.name) : undefined;
    if (endpoint === undefined || more.length > 0 || seen === undefined) return undefined;
    const about = { cluster: spec.name, local: self, now: clock.now(), where: whereOf(spec, endpoint) };
    const made = { serverName: spec.serverName, answered: true, clientShown: seen.shown };
    return new SeenDoor({ ...about, chain: seen.chain, handshake: made }, known(spec.name));
  }

  /** `denied`: what the door made of our wish to read when it was asked last. */
  async #look(spec: PeerSpec, endpoint: string, denied: string | undefined, signal: AbortSignal): Promise<SeenDoor> {
    const { self, known, clock } = this.#deps;
    const about = { cluster: spec.name, local: self, now: clock.now(), where: whereOf(spec, endpoint) };
    const under = known(spec.name);
    const { ca: store = '' } = under;
    try {
      const client = await this.#shown(spec);
      const outcome = await this.#greet(spec, endpoint, { store, client }, signal);
      const { chain, chainRefused, accepted, problem } = outcome;
      const missing = problem === undefined ? undefined : `${endpoint}: ${problem}`;
      if (chain.length === 0) return new SeenDoor({ ...about, missing }, under);
      const asked = accepted ? await this.#ask(spec, endpoint, signal) : undefined;
      const clientRefused = refusalIn(outcome, asked === 'no answer' ? denied : asked?.denied);
      const answered = accepted || clientRefused !== undefined;
      const shown = { clientRefused, clientShown: client.certificate };
      const handshake = { serverName: spec.serverName, chainRefused, answered, ...shown };
      return new SeenDoor({ ...about, chain: chain.map(String).join('\n'), handshake, missing }, under);
    } catch (error) {
      return new SeenDoor({ ...about, missing: reasonOf(error) }, under);
    }
  }

  /** A link that reads there has its answer; of several endpoints it has only one's. */
  async #ask(spec: PeerSpec, endpoint: string, signal: AbortSignal): Promise<ReadAnswer> {
    const { ask, link } = this.#deps;
    if (spec.endpoints.length === 1 && link?.(spec.name) === 'reads') return { denied: undefined };
    return ask(spec, endpoint, signal);
  }

  async #shown(spec: PeerSpec): Promise<TlsPair> {
    const paths = spec.client ?? this.#deps.client;
    if (paths === undefined) throw new Error('this cluster has no certificate to show there');
    const [certificate, key] = await Promise.all([readFile(paths.cert, 'utf8'), readFile(paths.key, 'utf8')]);
    return { certificate, key };
  }

  async #greet(
    { serverName }: PeerSpec,
    endpoint: string,
    { store, client }: { readonly store: string; readonly client: TlsPair },
    signal: AbortSignal,
  ): Promise<ProbeOutcome> {
    const { probe, clock } = this.#deps;
    const { hostname, port } = new URL(endpoint);
    const door = {
      host: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 443 : Number(port),
      serverName,
      // Text without a certificate is an error for TLS, and none is not.
      store: store === '' ? [] : [store],
      client,
    };
    const outcome = await probe(door, signal);
    if (outcome.clientRefused === undefined || outcome.clientRefused.startsWith('alert')) return outcome;
    await sleep(clock, SECOND_LOOK_MS, signal);
    return probe(door, signal);
  }

  #later(name: ClusterName, watched: WatchedPeer, delayMs: number): void {
    watched.cancel();
    watched.cancel = this.#deps.clock.after(Math.max(0, delayMs), () => this.#queue.add(name));
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const whereOf = ({ ca }: PeerSpec, endpoint: string) => ({ chain: endpoint, ca: ca[0] ?? '' });

function refusalIn({ clientRefused, accepted }: ProbeOutcome, denied: string | undefined): ClientRefusal | undefined {
  if (clientRefused !== undefined) return { at: 'handshake', how: clientRefused };
  return accepted && denied !== undefined ? { at: 'reading', how: denied } : undefined;
}

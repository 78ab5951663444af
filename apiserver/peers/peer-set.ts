// The peers of this cluster: a watched folder of peer documents, and a link for each. A document that is broken or cannot be
// read keeps its last good peer; only a document that is gone removes one.

import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { FreshnessLimits } from '../../mesh/conflict/freshness.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Gate } from '../../runtime/gate.ts';
import type { Log } from '../../runtime/log.ts';
import type { Random } from '../../runtime/random.ts';
import { Turns } from '../../runtime/turns.ts';
import { type FolderRead, watchFolder } from '../../runtime/watched-folder.ts';
import { isCiliumConfigName, isCiliumConfigText, parseCiliumConfig } from './cilium-config.ts';
import { PeerLink, type PeerLinkDeps } from './link.ts';
import { type PeerSpec, parsePeerSpec } from './peer-spec.ts';
import type { LinkHandshake, OpenDoor, PeerIntake, PeerLinkState, PeerPulse } from './port.ts';
import { isRevokedDocument, revokedPeers } from './revoked.ts';

export interface PeerSetDeps {
  /** Absent: a cluster without peers. */
  readonly folder: string | undefined;
  readonly self: ClusterName;
  readonly openDoor: OpenDoor;
  readonly intake: PeerIntake;
  readonly onBundle?: PeerLinkDeps['onBundle'];
  readonly withheld?: PeerLinkDeps['withheld'];
  readonly limits: { readonly card: FreshnessLimits; readonly plain: FreshnessLimits };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The set of peers, or what status shows of one, has changed. */
  readonly onChange: (peer: ClusterName) => void;
  /** `known` is true from here on. */
  readonly onKnown?: () => void;
}

/** A peer document that cannot be used, in the shape in which status shows faults of the own cluster's inputs. */
export interface PeerProblem {
  readonly file: string;
  readonly line: number;
  readonly code: 'PEER_DOCUMENT';
  readonly reason: string;
}

const problem = (file: string, reason: string): PeerProblem => ({ file, line: 1, code: 'PEER_DOCUMENT', reason });

/** Each handshake takes some ten milliseconds of the processor: more at once would run into their deadlines and begin anew. */
const BEGUN_AT_ONCE = 16;
/** Reading a document takes a quarter of a millisecond; what else is due goes between. */
const DOCUMENTS_PER_TURN = 16;

/** A document as it was read last. */
interface ReadDocument {
  readonly text: string;
  readonly fault: string | undefined;
}

interface RunningPeer {
  readonly spec: PeerSpec;
  readonly link: PeerLink;
  readonly stop: () => Promise<void>;
}

export class PeerSet {
  readonly #deps: PeerSetDeps;
  readonly #turns: Turns;
  readonly #gate: Gate;
  readonly #peers = new Map<ClusterName, RunningPeer>();
  /** Of the peers as they are; made when it is asked for. */
  #specsOfPeers: readonly PeerSpec[] | undefined;
  /** The last good one of each file. */
  readonly #specs = new Map<string, PeerSpec>();
  readonly #documents = new Map<string, ReadDocument>();
  #problems: readonly PeerProblem[] = [];
  #revoked: ReadonlySet<ClusterName> = new Set();
  /** Revoked by this process, and not seen in the folder yet: a look that began before must not bring them back. */
  readonly #revoking = new Set<ClusterName>();
  #known = false;
  #applying: Promise<void> = Promise.resolve();

  constructor(deps: PeerSetDeps) {
    this.#deps = deps;
    this.#turns = new Turns(deps.clock);
    this.#gate = new Gate(deps.clock, BEGUN_AT_ONCE);
  }

  /** The folder has been read: a peer that is not here is not configured. */
  get known(): boolean {
    return this.#known;
  }

  get names(): ReadonlySet<ClusterName> {
    return new Set(this.#peers.keys());
  }

  /** The same list until a peer comes, goes or is reached otherwise: who looks with every change of a link sees at once that none did. */
  get specs(): readonly PeerSpec[] {
    this.#specsOfPeers ??= [...this.#peers.values()].map(({ spec }) => spec);
    return this.#specsOfPeers;
  }

  spec(peer: ClusterName): PeerSpec | undefined {
    return this.#peers.get(peer)?.spec;
  }

  get states(): readonly PeerLinkState[] {
    return [...this.#peers.values()].map(({ link }) => link.state);
  }

  /** Batches of all of them that were received and not handed on. */
  get waiting(): number {
    let waiting = 0;
    for (const { link } of this.#peers.values()) waiting += link.waiting;
    return waiting;
  }

  state(peer: ClusterName): PeerLinkState | undefined {
    return this.#peers.get(peer)?.link.state;
  }

  /** What the connection to the peer's door has shown, while there is one. */
  handshake(peer: ClusterName): LinkHandshake | undefined {
    return this.#peers.get(peer)?.link.handshake;
  }

  /** A live view of what is in the state too, and costs more there. */
  pulse(peer: ClusterName): PeerPulse | undefined {
    return this.#peers.get(peer)?.link;
  }

  get pulses(): readonly (readonly [ClusterName, PeerPulse])[] {
    return [...this.#peers].map(([name, { link }]) => [name, link]);
  }

  get problems(): readonly PeerProblem[] {
    return this.#problems;
  }

  /** Whom somebody has revoked, and nobody has pardoned. */
  get revoked(): ReadonlySet<ClusterName> {
    return new Set([...this.#revoked, ...this.#revoking]);
  }

  /** Ends the peer now; that it stays away is for its document in the folder to say, which has been renamed by now. */
  revoke(peer: ClusterName): Promise<void> {
    this.#revoking.add(peer);
    this.#applying = this.#applying.then(() => this.#end(peer));
    return this.#applying;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { folder, clock, log } = this.#deps;
    if (folder === undefined) {
      this.#knows();
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      return;
    }
    await watchFolder(
      {
        path: folder,
        accepts: (name) => /\.(ya?ml|json)$/.test(name) || isRevokedDocument(name) || isCiliumConfigName(name),
        clock,
        onRead: (read) => {
          this.#applying = this.#applying.then(() => this.#apply(read));
        },
        onUnreadable: (reason) => {
          this.#problems = [problem(folder, reason)];
          log.warn('cannot read the folder of peers', { path: folder, reason });
        },
      },
      signal,
    );
    await this.#applying;
    await Promise.all([...this.#peers.values()].map(({ stop }) => stop()));
  }

  async #apply(read: FolderRead): Promise<void> {
    this.#revoked = revokedPeers([...read.texts.keys(), ...read.unreadable.keys()]);
    for (const name of this.#revoked) this.#revoking.delete(name);
    const wanted = await this.#readSpecs(read);
    for (const [name, peer] of this.#peers) {
      const spec = wanted.get(name);
      if (spec !== undefined && JSON.stringify(spec) === JSON.stringify(peer.spec)) continue;
      if (spec === undefined) {
        await this.#end(name);
        continue;
      }
      // A changed document is the same peer reached otherwise: it is here at every moment, and nothing of it is withdrawn.
      await peer.stop();
      this.#start(name, spec);
    }
    for (const [name, spec] of wanted) {
      if (this.#peers.has(name)) continue;
      this.#start(name, spec);
      // Each has all others looked at anew: hundreds of them would keep everything else from its turn.
      await setImmediate();
    }
    if (!this.#known) this.#knows();
  }

  #knows(): void {
    this.#known = true;
    this.#deps.onKnown?.();
  }

  /** Who may not come any more is sent away before anything else is waited for. */
  async #end(name: ClusterName): Promise<void> {
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    this.#peers.delete(name);
    this.#specsOfPeers = undefined;
    this.#deps.onChange(name);
    await peer.stop();
    this.#deps.log.info('peer removed', { peer: name });
    this.#deps.intake.removePeer(name);
    this.#deps.onChange(name);
  }

  async #readSpecs(read: FolderRead): Promise<ReadonlyMap<ClusterName, PeerSpec>> {
    const problems: PeerProblem[] = [...read.unreadable].map(([file, reason]) => problem(file, reason));
    for (const files of [this.#specs, this.#documents]) {
      for (const file of files.keys()) if (!read.texts.has(file) && !read.unreadable.has(file)) files.delete(file);
    }
    let parsed = 0;
    for (const [file, text] of read.texts) {
      if (isRevokedDocument(file)) continue;
      if (this.#documents.get(file)?.text !== text) {
        this.#documents.set(file, { text, fault: this.#readSpec(file, text) });
        parsed += 1;
        if (parsed % DOCUMENTS_PER_TURN === 0) await setImmediate();
      }
      const fault = this.#documents.get(file)?.fault;
      if (fault !== undefined) problems.push(problem(file, fault));
    }
    const { revoked } = this;
    const wanted = new Map<ClusterName, PeerSpec>();
    for (const [file, spec] of [...this.#specs].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // The own name in a shared folder of peers is no mistake: every cluster may be given the same one.
      if (spec.name === this.#deps.self) continue;
      if (revoked.has(spec.name)) {
        problems.push(
          problem(file, `peer ${spec.name} was revoked; the file that ends in .revoked says so until it is deleted`),
        );
      } else if (wanted.has(spec.name))
        problems.push(problem(file, `peer ${spec.name} is described in another file too`));
      else wanted.set(spec.name, spec);
    }
    for (const { file, reason } of problems) this.#deps.log.warn('peer document ignored', { path: file, reason });
    this.#problems = problems;
    return wanted;
  }

  /** Why the document cannot be used, if so. */
  #readSpec(file: string, text: string): string | undefined {
    const cilium = isCiliumConfigName(basename(file));
    if (cilium && !isCiliumConfigText(text)) {
      this.#specs.delete(file);
      return undefined;
    }
    const spec = cilium ? parseCiliumConfig(file, text) : parsePeerSpec(file, text);
    if (!spec.ok) return spec.error;
    this.#specs.set(file, spec.value);
    return undefined;
  }

  #start(name: ClusterName, spec: PeerSpec): void {
    const { openDoor, intake, onBundle, withheld, limits, clock, random, log, onChange } = this.#deps;
    const stopping = new AbortController();
    const peerLog = log.child({ peer: name });
    const link = new PeerLink({
      spec,
      openDoor,
      intake,
      onBundle,
      withheld,
      limits,
      clock,
      random,
      log: peerLog,
      turns: this.#turns,
      gate: this.#gate,
      onChange: () => onChange(name),
    });
    intake.addPeer(name);
    const running = link.run(stopping.signal);
    const stop = () => {
      stopping.abort();
      return running;
    };
    this.#peers.set(name, { spec, link, stop });
    this.#specsOfPeers = undefined;
    peerLog.info('peer configured', { endpoints: spec.endpoints });
    onChange(name);
  }
}

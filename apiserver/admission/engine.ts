// Admission: takes what peers say as it comes and decides, record by record, what of it may be used here. Level-triggered around
// one evaluation of the whole mesh (mesh/conflict): a change is noted, whatever it can have touched is judged again, and
// listeners hear which keys to look at. The one writer of what is admitted and what is withheld; it stores nothing itself.

import { type Assessment, reportOf } from '../../mesh/conflict/evaluate.ts';
import { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import {
  type ConfigFact,
  type Declarations,
  type FreshnessFact,
  type Reading,
  readCard,
  readConfig,
} from '../../mesh/conflict/facts.ts';
import { parseInstant } from '../../mesh/conflict/order.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import type { Standing } from '../../mesh/conflict/standing.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { encodeCard } from '../../mesh/wire/card.ts';
import type { QuarantinedRecord } from '../../mesh/wire/quarantine.ts';
import { misfit } from '../../mesh/wire/record.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { PeerFreshness, PeerIntake } from '../peers/port.ts';
import type { StoreEvent } from '../store/port.ts';
import { FindingMemory } from './finding-memory.ts';
import { encodedQuarantine, MappedView, quarantinedRecord } from './quarantine.ts';
import { DEFAULT_QUOTA, PeerQuota, type QuotaLimits } from './quota.ts';

export interface AdmissionDeps {
  /** The cluster whose point of view it is. */
  readonly local: ClusterName;
  readonly clock: Clock;
  readonly quota?: QuotaLimits;
}

/** Keys of a peer of which what is admitted or withheld may be other than before; the peer may be gone. */
export type AdmissionListener = (peer: ClusterName, keys: ReadonlySet<string>) => void;

export interface AdmissionReportOptions {
  readonly revision?: number | undefined;
  /** False while the own etcd is out of reach. */
  readonly ownStateCurrent?: boolean;
  /** What was found elsewhere: trust, kernels. */
  readonly more?: Assessment;
}

/** What is known of a cluster beside its records. */
interface Known {
  card?: Reading<ClusterCard>;
  config?: Reading<ConfigFact>;
  configBytes?: Uint8Array;
  clockOffsetMs?: number;
  /** As last admitted: what a later card is compared with. */
  admittedCard?: ClusterCard;
  admittedConfig?: Uint8Array;
  freshness?: PeerFreshness & { readonly at: number };
  readonly quota: PeerQuota | undefined;
}

const EMPTY: ReadonlyMap<string, never> = new Map<string, never>();

export class AdmissionEngine implements PeerIntake {
  readonly #deps: AdmissionDeps;
  readonly #evaluation: MeshEvaluation;
  readonly #known = new Map<ClusterName, Known>();
  readonly #memory = new FindingMemory();
  readonly #listeners = new Set<AdmissionListener>();
  readonly #findingListeners = new Set<() => void>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#evaluation = new MeshEvaluation(deps.local);
  }

  // ---- what comes in: peers

  addPeer(peer: ClusterName): void {
    this.#declare(peer);
    this.#settle();
  }

  applyPeerBatch(peer: ClusterName, events: readonly StoreEvent[]): void {
    this.#change(peer, events);
    this.#settle();
  }

  retainRecords(peer: ClusterName, entries: ReadonlyMap<string, unknown>): void {
    const { quota } = this.#knownOf(peer);
    const known = quota?.keys ?? [...(this.#evaluation.clusters.get(peer)?.records.keys() ?? [])];
    for (const key of known) if (!entries.has(key)) this.#intake(peer, key, undefined);
    this.#declare(peer);
    this.#settle();
  }

  setConfig(peer: ClusterName, bytes: Uint8Array | undefined): void {
    const known = this.#knownOf(peer);
    const earlier = known.config?.value;
    assign(known, 'config', bytes === undefined ? undefined : readConfig(peer, bytes, earlier));
    assign(known, 'configBytes', bytes);
    this.#declare(peer);
    this.#settle();
  }

  setCard(peer: ClusterName, bytes: Uint8Array | undefined): void {
    const known = this.#knownOf(peer);
    const earlier = known.card?.value ?? known.admittedCard;
    const card = bytes === undefined ? withdrawn(earlier) : readCard(bytes, earlier);
    assign(known, 'card', card);
    assign(known, 'clockOffsetMs', clockOffset(card?.value, this.#deps.clock.now()));
    this.#declare(peer);
    this.#settle();
  }

  setFreshness(peer: ClusterName, freshness: PeerFreshness): void {
    this.#knownOf(peer).freshness = { ...freshness, at: this.#deps.clock.monotonic() };
    this.#declare(peer);
    this.#settle();
  }

  removePeer(peer: ClusterName): void {
    this.#known.delete(peer);
    this.#evaluation.remove(peer);
    this.#settle();
  }

  /** What an earlier process admitted: history that cards are compared with. Before the peer's card comes. */
  seedAdmittedCard(peer: ClusterName, bytes: Uint8Array): void {
    const card = readCard(bytes).value;
    if (card === undefined) return;
    this.#knownOf(peer).admittedCard = card;
    this.#declare(peer);
    this.#settle();
  }

  // ---- what comes in: the local cluster, whose state is compared and never withheld

  setLocalCard(bytes: Uint8Array | undefined): void {
    this.setCard(this.#deps.local, bytes);
  }

  setLocalConfig(bytes: Uint8Array | undefined): void {
    this.setConfig(this.#deps.local, bytes);
  }

  /** Changes under `cilium/state/` of the own etcd. */
  applyLocalBatch(events: readonly StoreEvent[]): void {
    this.applyPeerBatch(this.#deps.local, events);
  }

  // ---- what comes out

  /** A live view, by the peer's own keys. */
  admitted(peer: ClusterName): ReadonlyMap<string, Uint8Array> {
    return this.#evaluation.clusters.get(peer)?.admitted ?? EMPTY;
  }

  admittedRecord(peer: ClusterName, key: string): Uint8Array | undefined {
    return this.admitted(peer).get(key);
  }

  /** A live view, by the peer's own keys. */
  quarantine(peer: ClusterName): ReadonlyMap<string, QuarantinedRecord> {
    const held = this.#evaluation.clusters.get(peer)?.held;
    return held === undefined ? EMPTY : new MappedView(held, quarantinedRecord);
  }

  /** The same, encoded for the store. */
  encodedQuarantine(peer: ClusterName): ReadonlyMap<string, Uint8Array> {
    const held = this.#evaluation.clusters.get(peer)?.held;
    return held === undefined ? EMPTY : new MappedView(held, encodedQuarantine);
  }

  /** The card as last admitted. */
  admittedCard(peer: ClusterName): Uint8Array | undefined {
    const card = this.#known.get(peer)?.admittedCard;
    return card === undefined ? undefined : encodeCard(card);
  }

  /** The cluster-config as last admitted; undefined while the peer is held back whole. */
  admittedConfig(peer: ClusterName): Uint8Array | undefined {
    return this.#known.get(peer)?.admittedConfig;
  }

  /** Nothing of the peer is to be taken away that is not admitted: it was rebuilt, and nobody has confirmed that yet. */
  isFrozen(peer: ClusterName): boolean {
    return this.standing(peer)?.rebuilt ?? false;
  }

  standing(peer: ClusterName): Standing | undefined {
    return this.#evaluation.clusters.get(peer)?.standing;
  }

  get peers(): readonly ClusterName[] {
    return [...this.#known.keys()].filter((name) => name !== this.#deps.local);
  }

  /** A person decides that the rebuilt cluster is the one that it says it is (CM-ID-004). False: there is no such finding. */
  release(fingerprint: string): boolean {
    for (const [peer, known] of this.#known) {
      const cause = this.#evaluation.context.holds.frozenBy(peer);
      const card = known.card?.value;
      if (cause?.fingerprint !== fingerprint || card === undefined) continue;
      known.admittedCard = card;
      this.#declare(peer);
      this.#settle();
      return true;
    }
    return false;
  }

  report(options: AdmissionReportOptions = {}): Report {
    const { clock } = this.#deps;
    for (const peer of this.#known.keys()) this.#declare(peer);
    const report = reportOf(this.#evaluation, { ...options, now: clock.now(), memory: this.#memory.firstSeen });
    this.#memory.observe(report.findings, clock.now());
    return report;
  }

  onChange(listener: AdmissionListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls when findings may be others; a report says whether they are. */
  onFindings(listener: () => void): () => void {
    this.#findingListeners.add(listener);
    return () => this.#findingListeners.delete(listener);
  }

  // ---- inside

  #knownOf(name: ClusterName): Known {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { local, quota = DEFAULT_QUOTA } = this.#deps;
    const added: Known = { quota: name === local ? undefined : new PeerQuota(quota) };
    this.#known.set(name, added);
    return added;
  }

  #change(name: ClusterName, events: readonly StoreEvent[]): void {
    this.#knownOf(name);
    for (const event of events) {
      if (event.type === 'put') this.#intake(name, event.kv.key, event.kv.value);
      else this.#intake(name, event.key, undefined);
    }
    this.#declare(name);
  }

  #intake(name: ClusterName, key: string, value: Uint8Array | undefined): void {
    const { quota } = this.#knownOf(name);
    const changes = quota === undefined ? [{ key, value }] : quota.change(key, value);
    for (const change of changes) this.#evaluation.put(name, change.key, change.value);
  }

  #declare(name: ClusterName): void {
    const { card, config, clockOffsetMs, admittedCard, quota } = this.#knownOf(name);
    const freshness = this.#freshness(name);
    const declarations: Declarations = {
      ...(card === undefined ? {} : { card }),
      ...(config === undefined ? {} : { config }),
      ...(admittedCard === undefined ? {} : { admitted: admittedCard }),
      ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
      ...(freshness === undefined ? {} : { freshness }),
      ...(quota === undefined ? {} : { quota: quota.fact }),
    };
    this.#evaluation.declare(name, declarations);
  }

  #freshness(name: ClusterName): FreshnessFact | undefined {
    const known = this.#known.get(name)?.freshness;
    if (known === undefined) return undefined;
    const { freshness, heartbeatAgeMs, synced, at } = known;
    // While it is not fresh no heartbeat comes, or it would be fresh; so its age has grown since.
    const grown = freshness === 'fresh' ? 0 : this.#deps.clock.monotonic() - at;
    return {
      state: freshness,
      synced,
      ...(heartbeatAgeMs === undefined ? {} : { heartbeatAgeMs: heartbeatAgeMs + grown }),
    };
  }

  #settle(): void {
    const now = this.#deps.clock.now();
    const changes = [this.#evaluation.settle(now)];
    // What a card says becomes history once it is admitted, which may end what it was new for.
    if (this.#admitDeclarations()) changes.push(this.#evaluation.settle(now));
    for (const change of changes) {
      for (const [peer, keys] of change) for (const listener of this.#listeners) listener(peer, keys);
    }
    for (const listener of this.#findingListeners) listener();
  }

  #admitDeclarations(): boolean {
    let admitted = false;
    for (const [name, known] of this.#known) {
      const standing = this.standing(name);
      if (standing === undefined || standing.rebuilt || name === this.#deps.local) continue;
      const held = this.#evaluation.context.holds.wholeOf(name).length > 0;
      assign(known, 'admittedConfig', held ? undefined : fittingConfig(known, standing));
      const card = known.card?.value;
      if (held || card === undefined || card === known.admittedCard || this.#newcomer(name)) continue;
      known.admittedCard = card;
      this.#declare(name);
      admitted = true;
    }
    return admitted;
  }

  /** A range of the card is held back as new: the card is not admitted as it stands. */
  #newcomer(name: ClusterName): boolean {
    return this.#evaluation.rangeConflicts.some(({ code, loser }) => code === 'CM-CIDR-005' && loser.cluster === name);
  }
}

/** A config that contradicts the card would let its readers take the peer for another one; one that cannot be read is passed over. */
function fittingConfig({ config, configBytes, admittedConfig }: Known, { id }: Standing): Uint8Array | undefined {
  if (config === undefined || config.problems.length > 0) return config === undefined ? undefined : admittedConfig;
  return id !== undefined && config.value?.id === id ? configBytes : undefined;
}

/** A cluster that had a card is held to it: it cannot shed what it declared by hiding it. */
function withdrawn(earlier: ClusterCard | undefined): Reading<ClusterCard> | undefined {
  if (earlier === undefined) return undefined;
  return { value: earlier, problems: [misfit('', 'the card was withdrawn; the last one stays in use')] };
}

/** A card may have lain in its etcd for long before it is received, so only one from the future says something. */
function clockOffset(card: ClusterCard | undefined, now: number): number | undefined {
  const time = card === undefined ? undefined : parseInstant(card.time);
  return time === undefined ? undefined : Math.max(0, time - now);
}

function assign<K extends keyof Known>(known: Known, field: K, value: Known[K] | undefined): void {
  if (value === undefined) delete known[field];
  else known[field] = value;
}

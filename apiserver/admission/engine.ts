// Admission: takes what peers say as it comes and decides, record by record, what of it may be used here. Level-triggered around
// one evaluation of the whole mesh (mesh/conflict): a change is noted, whatever it can have touched is judged again, and
// listeners hear which keys to look at. The one writer of what is admitted and what is withheld; it stores nothing itself.

import { type Assessment, reportOf } from '../../mesh/conflict/evaluate.ts';
import { MeshEvaluation } from '../../mesh/conflict/evaluation.ts';
import { type ClusterFacts, readCard } from '../../mesh/conflict/facts.ts';
import { headKeyBeside } from '../../mesh/conflict/pieces.ts';
import { backendsOf, kindOfRecord } from '../../mesh/conflict/record-value.ts';
import type { Report } from '../../mesh/conflict/report.ts';
import type { Standing } from '../../mesh/conflict/standing.ts';
import { compareBytes } from '../../mesh/model/address.ts';
import type { ClusterCard } from '../../mesh/model/cluster.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { cardKey, encodeCard } from '../../mesh/wire/card.ts';
import { clusterConfigKey } from '../../mesh/wire/cluster-config.ts';
import type { QuarantinedRecord } from '../../mesh/wire/quarantine.ts';
import type { Clock } from '../../runtime/clock.ts';
import { type Random, seedFrom } from '../../runtime/random.ts';
import type { KnownKeys, PeerFreshness, PeerIntake } from '../peers/port.ts';
import type { AdmittedPieces } from '../reflect/port.ts';
import type { StoreEvent } from '../store/port.ts';
import { DeclarationAdmission } from './declaration-admission.ts';
import { FindingMemory } from './finding-memory.ts';
import { KnownCluster } from './known-cluster.ts';
import { memberFacts } from './member-facts.ts';
import { type Change, DEFAULT_PACE, type PaceLimits, PeerPace } from './pace.ts';
import { encodedQuarantine, MappedView, quarantinedRecord } from './quarantine.ts';
import { DEFAULT_QUOTA, PeerQuota, type QuotaLimits } from './quota.ts';

export interface AdmissionDeps {
  /** The cluster whose point of view it is. */
  readonly local: ClusterName;
  readonly clock: Clock;
  /** Nobody outside is to know where tables keep which key. */
  readonly random?: Random;
  readonly quota?: QuotaLimits;
  readonly pace?: PaceLimits;
}

/**
 * Keys of a peer of which what is admitted or withheld may be other than before, and with them what it declares; the peer may
 * be gone.
 */
export type AdmissionListener = (peer: ClusterName, keys: ReadonlySet<string>) => void;

export interface AdmissionReportOptions {
  readonly revision?: number | undefined;
  /** False while the own etcd is out of reach. */
  readonly ownStateCurrent?: boolean;
  /** What was found elsewhere: trust, kernels. */
  readonly more?: Assessment;
}

const NO_KEYS: ReadonlySet<string> = new Set();
const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

export class AdmissionEngine implements PeerIntake {
  readonly #deps: AdmissionDeps;
  readonly #evaluation: MeshEvaluation;
  readonly #known = new Map<ClusterName, KnownCluster>();
  readonly #encodedCards = new WeakMap<ClusterCard, Uint8Array>();
  readonly #memory = new FindingMemory();
  readonly #declarations: DeclarationAdmission;
  readonly #listeners = new Set<AdmissionListener>();
  readonly #findingListeners = new Set<() => void>();

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
    this.#evaluation = new MeshEvaluation(deps.local, deps.random && seedFrom(deps.random));
    this.#declarations = new DeclarationAdmission({
      local: deps.local,
      clock: deps.clock,
      evaluation: this.#evaluation,
      known: this.#known,
    });
  }

  // ---- what comes in: peers

  addPeer(peer: ClusterName): void {
    this.#settle(this.#knownOf(peer));
  }

  applyPeerBatch(peer: ClusterName, events: readonly StoreEvent[]): void {
    const known = this.#knownOf(peer);
    this.#receive(
      known,
      events.map((event) =>
        event.type === 'put' ? { key: event.kv.key, value: event.kv.value } : { key: event.key, value: undefined },
      ),
    );
  }

  retainRecords(peer: ClusterName, keys: KnownKeys): void {
    const known = this.#knownOf(peer);
    const { quota, pace } = known.limits ?? {};
    const gone = new Set<string>();
    for (const { key, raw } of this.#evaluation.clusters.get(peer)?.records.values() ?? [])
      if (raw !== undefined && !keys.has(key)) gone.add(key);
    for (const key of quota?.excessKeys ?? []) if (!keys.has(key)) gone.add(key);
    for (const key of pace?.waitingKeys ?? []) if (kindOfRecord(key) && !keys.has(key)) gone.add(key);
    this.#receive(
      known,
      [...gone].map((key) => ({ key, value: undefined })),
    );
  }

  recordCount(peer: ClusterName): number {
    const { excess = 0, records = 0 } = this.#known.get(peer)?.limits?.quota.fact ?? {};
    return records + excess;
  }

  setConfig(peer: ClusterName, bytes: Uint8Array | undefined): void {
    this.#receive(this.#knownOf(peer), [{ key: clusterConfigKey(peer), value: bytes }]);
  }

  setCard(peer: ClusterName, bytes: Uint8Array | undefined, writtenNow = false): void {
    this.#receive(this.#knownOf(peer), [{ key: cardKey(peer), value: bytes }], writtenNow);
  }

  setFreshness(peer: ClusterName, freshness: PeerFreshness): void {
    const known = this.#knownOf(peer);
    known.hear(freshness, this.#deps.clock.now());
    this.#settle(known);
  }

  removePeer(peer: ClusterName): void {
    this.#known.get(peer)?.limits?.pace.stop();
    this.#known.delete(peer);
    this.#evaluation.remove(peer);
    this.#settle();
  }

  /** What an earlier process admitted: history that cards are compared with. Before the cluster's card comes. */
  seedAdmittedCard(cluster: ClusterName, bytes: Uint8Array): void {
    const card = readCard(bytes).value;
    if (card === undefined) return;
    const known = this.#knownOf(cluster);
    known.seed(card);
    if (cluster === this.#deps.local) this.#declarations.restoredOwn();
    this.#settle(known);
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

  /**
   * A person decides that a cluster is the one that it says it is (CM-ID-004, CM-TRUST-008). Returns whose card is admitted by
   * that; undefined where there is no such finding.
   */
  release(fingerprint: string): ClusterName | undefined {
    for (const [peer, known] of this.#known) {
      const causes = this.#evaluation.context.holds.frozenBy(peer);
      if (!causes.some((cause) => cause.fingerprint === fingerprint)) continue;
      known.admitCard();
      this.#settle(known);
      this.#tell(peer, NO_KEYS);
      return peer;
    }
    return undefined;
  }

  // ---- what comes out

  /** Changes of peers that come faster than their pace, and are not judged yet. */
  get waiting(): number {
    let waiting = 0;
    for (const { limits } of this.#known.values()) waiting += limits?.pace.waiting ?? 0;
    return waiting;
  }

  /** A live view, by the peer's own keys. */
  admitted(peer: ClusterName): ReadonlyMap<string, Uint8Array> {
    return this.#evaluation.clusters.get(peer)?.admitted ?? NOTHING;
  }

  admittedRecord(peer: ClusterName, key: string): Uint8Array | undefined {
    return this.admitted(peer).get(key);
  }

  /** What is admitted of a service in pieces, by the key of the whole service; undefined where its head is not. */
  admittedPieces(peer: ClusterName, wholeKey: string): AdmittedPieces | undefined {
    const head = this.#evaluation.clusters.get(peer)?.records.get(headKeyBeside(wholeKey) ?? '');
    if (head?.admitted === undefined) return undefined;
    const [, ...slices] = this.#evaluation.indexes.partsOf(head);
    return {
      head: head.admitted,
      slices: slices.flatMap(({ admitted }) => (admitted === undefined ? [] : [admitted])),
      backends: slices.reduce((sum, { good }) => sum + (good === undefined ? 0 : backendsOf(good.value).length), 0),
    };
  }

  /** A live view, by the peer's own keys. */
  quarantine(peer: ClusterName): ReadonlyMap<string, QuarantinedRecord> {
    const held = this.#evaluation.clusters.get(peer)?.held;
    return held === undefined ? NOTHING : new MappedView(held, quarantinedRecord);
  }

  /** The same, encoded for the store. */
  encodedQuarantine(peer: ClusterName): ReadonlyMap<string, Uint8Array> {
    const held = this.#evaluation.clusters.get(peer)?.held;
    return held === undefined ? NOTHING : new MappedView(held, encodedQuarantine);
  }

  /** The card as last admitted. */
  admittedCard(peer: ClusterName): Uint8Array | undefined {
    const card = this.#known.get(peer)?.admittedCard;
    return card === undefined ? undefined : this.#encodedCard(card);
  }

  /** Asked for with every change of the peer's records, and made once. */
  #encodedCard(card: ClusterCard): Uint8Array {
    const known = this.#encodedCards.get(card);
    if (known !== undefined) return known;
    const encoded = encodeCard(card);
    this.#encodedCards.set(card, encoded);
    return encoded;
  }

  /** The cluster-config as last admitted; undefined while the peer is held back whole. */
  admittedConfig(peer: ClusterName): Uint8Array | undefined {
    return this.#known.get(peer)?.admittedConfig;
  }

  /** Nothing of the peer is to be taken away that is not admitted: it may be another one, and nobody has confirmed that yet. */
  isFrozen(peer: ClusterName): boolean {
    return this.standing(peer)?.unconfirmed ?? false;
  }

  standing(peer: ClusterName): Standing | undefined {
    return this.#evaluation.clusters.get(peer)?.standing;
  }

  /** Its clock minus ours, where its card told. */
  clockOffsetMs(peer: ClusterName): number | undefined {
    return this.#known.get(peer)?.declarations.clockOffsetMs;
  }

  /** The own cluster and its peers, for a judgement of what a join would bring. */
  memberFacts(): ReadonlyMap<ClusterName, ClusterFacts> {
    return memberFacts(this.#evaluation.clusters);
  }

  get peers(): readonly ClusterName[] {
    return [...this.#known.keys()].filter((name) => name !== this.#deps.local);
  }

  report(options: AdmissionReportOptions = {}): Report {
    const now = this.#deps.clock.now();
    const report = reportOf(this.#evaluation, { ...options, now, memory: this.#memory.firstSeen });
    this.#memory.observe(report.findings, now);
    return report;
  }

  /** In pieces, what makes a report long to draw: the report that is drawn next is short. */
  prepareReport(): Iterator<undefined, void> {
    return this.#evaluation.workloads.prepare(this.#evaluation.indexes);
  }

  /** Since when the findings of the last report are there, and those that may be found again. */
  get findingDates(): ReadonlyMap<string, number> {
    return this.#memory.firstSeen;
  }

  /** What an earlier process, or the leader, remembers. */
  restoreFindingDates(dates: ReadonlyMap<string, number>): void {
    this.#memory.restore(dates, this.#deps.clock.now());
  }

  /** Everything was looked at by now: what was remembered and not found again is gone. */
  settleFindingDates(): void {
    this.#memory.settle();
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

  #knownOf(name: ClusterName): KnownCluster {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const { local, clock, quota = DEFAULT_QUOTA, pace = DEFAULT_PACE } = this.#deps;
    const limits = {
      quota: new PeerQuota(quota, (key) => this.#rawOf(name, key)?.length),
      pace: new PeerPace(pace, clock, () => this.#resume(added)),
    };
    const added = new KnownCluster(name, name === local ? undefined : limits);
    this.#known.set(name, added);
    return added;
  }

  /** Takes in what does not come too fast, and sees to it that the rest is taken in later. */
  #receive(known: KnownCluster, changes: readonly Change[], writtenNow = false): void {
    const pace = known.limits?.pace;
    const waited = pace?.exceeded ?? false;
    let taken = 0;
    for (const change of changes) {
      if (this.#isKnown(known, change)) continue;
      if (pace?.holdsBack(change, known.costOf(change.key)) === true) continue;
      this.#take(known, change, writtenNow);
      taken += 1;
    }
    if (taken > 0 || changes.length === 0 || pace?.exceeded !== waited) this.#settle(known);
  }

  /** A list that was made anew brings mostly what is known. */
  #isKnown({ name, limits }: KnownCluster, { key, value }: Change): boolean {
    if (value === undefined || limits?.pace.isWaiting(key) === true) return false;
    const raw = this.#rawOf(name, key);
    return raw !== undefined && compareBytes(raw, value) === 0;
  }

  /** What is taken in under the key. */
  #rawOf(name: ClusterName, key: string): Uint8Array | undefined {
    return this.#evaluation.clusters.get(name)?.records.get(key)?.raw;
  }

  #take(known: KnownCluster, change: Change, writtenNow: boolean): void {
    if (known.takeDeclaration(change, this.#deps.clock.now(), writtenNow)) return;
    if (kindOfRecord(change.key) === undefined) return;
    const records = known.limits?.quota.change(change.key, change.value) ?? [change];
    for (const { key, value } of records) this.#evaluation.put(known.name, key, value);
  }

  /** Takes in what came too fast before, as far as it may come now. */
  #resume(known: KnownCluster): void {
    const next = () => known.limits?.pace.next((key) => known.costOf(key));
    let declared = false;
    for (let change = next(); change !== undefined; change = next()) {
      this.#take(known, change, false);
      declared ||= kindOfRecord(change.key) === undefined;
    }
    this.#settle(known);
    if (declared) this.#tell(known.name, NO_KEYS);
  }

  /** Judges what `changed` and whatever depends on it, and tells. */
  #settle(changed?: KnownCluster): void {
    const now = this.#deps.clock.now();
    if (changed !== undefined) this.#evaluation.declare(changed.name, changed.declarations);
    const changes = [this.#evaluation.settle(now)];
    // What a card says becomes history once it is admitted, which may end what it was new for.
    if (this.#declarations.admit(changed)) changes.push(this.#evaluation.settle(now));
    for (const change of changes) for (const [peer, keys] of change) this.#tell(peer, keys);
    for (const listener of this.#findingListeners) listener();
  }

  #tell(peer: ClusterName, keys: ReadonlySet<string>): void {
    for (const listener of this.#listeners) listener(peer, keys);
  }
}

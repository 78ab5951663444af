// The judgement of a mesh, kept current record by record: the same result as judging everything from scratch, which is how
// `evaluate` uses it and what a property test proves. Changes are only noted when they come; `settle` then looks again at
// whatever they can have touched. Pure: no clock, no I/O; what is done with the result is the caller's business.

import { compareBytes } from '../model/address.ts';
import type { ClusterName } from '../model/names.ts';
import type { RangeConflict } from './cidr.ts';
import { addressesOf, NO_CLAIMS } from './claim-list.ts';
import { type ClusterRuling, clusterRules } from './cluster-rules.ts';
import { ClusterState, rangeBasis } from './cluster-state.ts';
import { Drafts } from './drafts.ts';
import type { Declarations } from './facts.ts';
import { HoldBook } from './holds.ts';
import { judge } from './judge.ts';
import { claimsOf } from './judge-addresses.ts';
import type { JudgeContext, Judgement } from './judgement.ts';
import { headKeyBeside, wholeKeyOf } from './pieces.ts';
import { RangeRules } from './range-rules.ts';
import { RecordIndexes } from './record-indexes.ts';
import { type Acceptance, accept, carriedId } from './record-reading.ts';
import { type GoodValue, type Hold, orNone, type RecordState } from './record-state.ts';
import { identityOf } from './record-value.ts';
import type { Standing } from './standing.ts';
import { KnownWorkloads } from './workload.ts';

/** Keys of which what is admitted or withheld may be other than before the last settling. */
export type Changes = ReadonlyMap<ClusterName, ReadonlySet<string>>;

export class MeshEvaluation {
  readonly local: ClusterName | undefined;
  readonly #seed: number;
  readonly workloads = new KnownWorkloads();
  readonly indexes = new RecordIndexes((record, service) => this.workloads.forget(record, service));
  readonly #clusters = new Map<ClusterName, ClusterState>();
  readonly #standings = new Map<ClusterName, Standing>();
  #context: JudgeContext;
  #ruling: ClusterRuling | undefined;
  readonly #ranges: RangeRules;
  /** To be read (again) when settling. */
  #unread = new Set<RecordState>();
  /** To be judged (again) when settling. */
  readonly #touched = new Set<RecordState>();
  /** Clusters that declare something else, or are known by other ids. */
  readonly #redeclared = new Set<ClusterState>();
  /** Clusters whose standing changed. */
  readonly #restood = new Set<ClusterName>();
  /** Clusters whose ranges are to be compared anew. */
  readonly #reranged = new Set<ClusterState>();
  #membersChanged = false;
  #rulings = 0;
  #changes = new Map<ClusterName, Set<string>>();

  /** `seed`: of tables whose keys others choose. */
  constructor(local: ClusterName | undefined, seed = 0) {
    this.local = local;
    this.#seed = seed;
    this.#ranges = new RangeRules(local, this.#standings);
    const holds = new HoldBook(local, this.#ranges.holds);
    this.#context = { local, standings: this.#standings, holds, indexes: this.indexes };
  }

  get clusters(): ReadonlyMap<ClusterName, ClusterState> {
    return this.#clusters;
  }

  /** In an order that depends on the ranges alone. */
  get rangeConflicts(): readonly RangeConflict[] {
    return this.#ranges.conflicts();
  }

  /** Whether a range of the cluster is held back as new (CM-CIDR-005). */
  hasNewcomer(name: ClusterName): boolean {
    return this.#ranges.hasNewcomer(name);
  }

  /** What the rules about clusters said when they last ran. */
  get clusterDrafts(): Drafts {
    return this.#ruling?.drafts ?? NO_DRAFTS;
  }

  /** Stays the same for as long as nothing that is said of clusters, and not of single records, is other than before. */
  get rulings(): number {
    return this.#rulings;
  }

  /** What single records are judged by. */
  get context(): JudgeContext {
    return this.#context;
  }

  declare(name: ClusterName, declarations: Declarations): void {
    const cluster = this.#cluster(name);
    cluster.declare(declarations);
    if (cluster.declarationsChanged) this.#redeclared.add(cluster);
  }

  /** `undefined`: the record was deleted. A key that is no record of ours is passed over. */
  put(name: ClusterName, key: string, bytes: Uint8Array | undefined): void {
    const cluster = this.#cluster(name);
    const record = bytes === undefined ? cluster.records.get(key) : cluster.recordAt(key);
    if (record === undefined) return;
    record.raw = bytes;
    this.#unread.add(record);
  }

  remove(name: ClusterName): void {
    const cluster = this.#clusters.get(name);
    if (cluster === undefined) return;
    for (const record of cluster.records.values()) {
      if (record.admitted !== undefined || record.holds.length > 0) this.#changed(name, record.key);
      this.#release(record);
    }
    this.#ranges.remove(cluster);
    for (const clusters of [this.#redeclared, this.#reranged]) clusters.delete(cluster);
    this.#clusters.delete(name);
    this.#standings.delete(name);
    this.#membersChanged = true;
  }

  /** Looks again at everything that changes since the last call can have touched. `now` dates what is withheld from here on. */
  settle(now: number): Changes {
    this.#restand();
    this.#read();
    // A record that is forgotten while judging may have been the last to show a range.
    do {
      this.#rule();
      this.#judge(now);
    } while (this.#ranges.changed);
    const changes = this.#changes;
    this.#changes = new Map();
    return changes;
  }

  #cluster(name: ClusterName): ClusterState {
    const known = this.#clusters.get(name);
    if (known !== undefined) return known;
    const cluster = new ClusterState(name, this.#seed);
    this.#clusters.set(name, cluster);
    this.#standings.set(name, cluster.standing);
    this.#membersChanged = true;
    return cluster;
  }

  /** Undefined for a record that went with its cluster, also where a cluster of that name came again since. */
  #ownerOf(record: RecordState): ClusterState | undefined {
    const cluster = this.#clusters.get(record.cluster);
    return cluster?.records.get(record.key) === record ? cluster : undefined;
  }

  // ---- what clusters declare

  #restand(): void {
    for (const cluster of this.#redeclared) this.#restandOne(cluster);
    this.#redeclared.clear();
  }

  #restandOne(cluster: ClusterState): void {
    const before = cluster.standing;
    if (!cluster.restand()) return;
    const after = cluster.standing;
    this.#standings.set(cluster.name, after);
    this.#restood.add(cluster.name);
    if (rangeBasis(after) !== rangeBasis(before)) this.#reranged.add(cluster);
    const sameEyes =
      after.id === before.id &&
      after.recordsName === before.recordsName &&
      after.declaresId === before.declaresId &&
      after.width === before.width &&
      after.unconfirmed === before.unconfirmed;
    if (!sameEyes) for (const record of cluster.records.values()) this.#unread.add(record);
  }

  // ---- reading

  #read(): void {
    this.#learnIds();
    for (const cluster of this.#reranged) this.#ranges.place(cluster);
    this.#reranged.clear();
    // Standings are settled now; whoever is read under new eyes is in the list too.
    const batch = this.#unread;
    this.#unread = new Set();
    for (const record of batch) {
      const cluster = this.#ownerOf(record);
      if (cluster === undefined) continue;
      this.#touched.add(record);
      // The new state of a cluster that may be another one is not looked into before somebody has confirmed it.
      if (!cluster.standing.unconfirmed) this.#accept(record, cluster);
    }
  }

  /** The id of a cluster that declares none follows from its records, and decides how each of them is read. */
  #learnIds(): void {
    for (const record of this.#unread) {
      const cluster = this.#ownerOf(record);
      if (cluster === undefined || cluster.standing.declaresId) continue;
      cluster.countId(record, carriedId(record));
      if (cluster.idsChanged) this.#redeclared.add(cluster);
    }
    this.#restand();
  }

  #accept(record: RecordState, cluster: ClusterState): void {
    const before = record.good;
    const { good, rejected } = isInPieces(record, cluster) ? UNREAD : accept(record, cluster.standing);
    const whole = record.kind === 'heads' && (good === undefined) !== (before === undefined);
    // The whole record leaves its place to the head before that takes it, and has it again once the head has left it.
    if (whole && good !== undefined) this.#takeWhole(record, cluster, UNREAD);
    this.#keep(record, cluster, { good, rejected });
    if (record.raw === undefined) this.#forget(record, cluster);
    if (whole && good === undefined) this.#takeWhole(record, cluster, undefined);
  }

  /** The whole record beside a head: with this reading, or read anew. */
  #takeWhole(head: RecordState, cluster: ClusterState, reading: Acceptance | undefined): void {
    const record = cluster.records.get(wholeKeyOf(head) ?? '');
    if (record === undefined) return;
    this.#touched.add(record);
    this.#keep(record, cluster, reading ?? accept(record, cluster.standing));
  }

  #keep(record: RecordState, cluster: ClusterState, { good, rejected }: Acceptance): void {
    const before = record.good;
    record.good = good;
    record.rejected = rejected;
    this.#observe(record, before, cluster);
    this.#touchAll(this.indexes.update(record, before));
  }

  #observe(record: RecordState, before: GoodValue | undefined, cluster: ClusterState): void {
    const moved = record.kind === 'nodes' && this.#ranges.observe(record, before, cluster);
    // Where a cluster with a card does not say where its pods are, its nodes do, and rules about clusters ask for it.
    if (moved && !cluster.standing.plain) this.#restood.add(cluster.name);
  }

  /** A deleted record: nothing of it is left, and whoever it stood against is judged again. */
  #forget(record: RecordState, cluster: ClusterState): void {
    if (record.admitted !== undefined || record.holds.length > 0) this.#changed(cluster.name, record.key);
    const before = record.good;
    this.#release(record);
    this.#observe(record, before, cluster);
    cluster.countId(record, undefined);
    cluster.admitted.admit(record, undefined);
    cluster.records.delete(record.key);
    cluster.held.delete(record.key);
    cluster.faulty.delete(record.key);
  }

  #release(record: RecordState): void {
    const before = record.good;
    record.good = undefined;
    this.#touchAll(this.indexes.update(record, before));
    this.#touchAll(this.indexes.claim(record, NO_CLAIMS));
    this.#touched.delete(record);
  }

  // ---- rules about clusters

  #rule(): void {
    const declared = this.#restood.size > 0 || this.#membersChanged;
    if (declared || this.#ranges.changed) this.#rulings += 1;
    this.#touchAll(this.#ranges.follow(this.#clusters));
    if (!declared) return;
    const ruling = clusterRules({
      standings: this.#standings,
      local: this.local,
      rangeHolds: this.#ranges.holds,
      podRanges: (name) => this.#clusters.get(name)?.ranges.filter(({ kind }) => kind === 'pod') ?? [],
    });
    this.#context = { ...this.#context, holds: ruling.holds };
    this.#ruling = ruling;
    for (const cluster of this.#clusters.values()) {
      const signature = ruling.holds.signature(cluster.name);
      const place = placeText(cluster.standing, ruling.holds);
      const moved = place !== cluster.place;
      if (signature === cluster.holdSignature && !moved && !this.#restood.has(cluster.name)) continue;
      cluster.holdSignature = signature;
      cluster.place = place;
      for (const record of cluster.records.values()) {
        this.#touched.add(record);
        if (moved) this.#touchRivals(record);
      }
    }
    this.#restood.clear();
    this.#membersChanged = false;
  }

  /** Whoever was compared with the record by the place that its cluster had. */
  #touchRivals(record: RecordState): void {
    this.#touchAll(this.indexes.neighbours(record));
    for (const address of addressesOf(record)) {
      if (this.indexes.claims.isShared(address)) this.#touchAll(this.indexes.claims.users(address));
    }
  }

  // ---- judging

  #judge(now: number): void {
    this.#claim();
    // An endpoint's verdict may follow from that of its identity.
    for (const record of this.#touched) {
      if (record.kind !== 'identities') continue;
      const before = causesText(record.holds);
      this.#judgeOne(record, now);
      const number = record.good === undefined ? undefined : identityOf(record.good.value);
      if (number !== undefined && causesText(record.holds) !== before) {
        this.#touchAll(this.indexes.endpoints(record.cluster, number));
      }
    }
    for (const record of this.#touched) if (record.kind !== 'identities') this.#judgeOne(record, now);
    this.#touched.clear();
  }

  /** Nodes first: where a cluster declares no node range, their addresses are its own for its other records. */
  #claim(): void {
    const claim = (record: RecordState) => {
      const standing = this.#standings.get(record.cluster);
      if (standing === undefined || standing.unconfirmed) return;
      this.#touchAll(this.indexes.claim(record, claimsOf(record, standing, this.#context)));
    };
    for (const record of this.#touched) if (record.kind === 'nodes') claim(record);
    for (const record of this.#touched) {
      if (record.kind === 'ip' || record.kind === 'services' || record.kind === 'slices') claim(record);
    }
  }

  #judgeOne(record: RecordState, now: number): void {
    const cluster = this.#clusters.get(record.cluster);
    if (cluster === undefined) return;
    const { faults, holds, admitted } = this.#verdict(record, cluster);
    // What is withheld of a record is told again with each of its values: the quarantine keeps the latest.
    if (holds.length > 0 || record.holds.length > 0) this.#changed(cluster.name, record.key);
    record.faults = orNone(faults);
    record.holds = orNone(holds);
    if (holds.length === 0) record.heldSince = undefined;
    else record.heldSince ??= now;
    place(cluster.held, record, holds.length > 0);
    place(cluster.faulty, record, faults.length > 0);
    this.#admit(record, cluster, admitted);
  }

  #verdict(record: RecordState, cluster: ClusterState): Judgement {
    if (isInPieces(record, cluster)) return UNJUDGED;
    const causes = this.#context.holds.frozenBy(cluster.name);
    if (causes.length === 0 || record.cluster === this.local) return judge(record, cluster.standing, this.#context);
    const unchanged = sameBytes(record.raw, record.admittedFrom);
    const holds = unchanged ? [] : causes.map((cause): Hold => ({ ...cause, part: 'record', count: 1 }));
    return { faults: [], holds, admitted: record.admitted };
  }

  #admit(record: RecordState, cluster: ClusterState, admitted: Uint8Array | undefined): void {
    const before = record.admitted;
    if (before === undefined && admitted === undefined) {
      // A key that a rebuilt cluster had and has no more, and of which nothing was ever admitted.
      if (record.raw === undefined) this.#forget(record, cluster);
      return;
    }
    if (this.#context.holds.frozenBy(cluster.name).length === 0) record.admittedFrom = record.raw;
    if (sameBytes(before, admitted)) return;
    cluster.admitted.admit(record, admitted);
    this.#changed(cluster.name, record.key);
  }

  #touchAll(records: Iterable<RecordState>): void {
    for (const record of records) this.#touched.add(record);
  }

  #changed(cluster: ClusterName, key: string): void {
    const keys = this.#changes.get(cluster);
    if (keys === undefined) this.#changes.set(cluster, new Set([key]));
    else keys.add(key);
  }
}

/** A whole record beside a head says nothing that the pieces do not say. */
const isInPieces = ({ kind, key }: RecordState, { records }: ClusterState): boolean =>
  kind === 'services' && records.get(headKeyBeside(key) ?? '')?.good !== undefined;

const NO_DRAFTS = new Drafts();
const UNREAD: Acceptance = { good: undefined, rejected: orNone([]) };
const UNJUDGED: Judgement = { faults: [], holds: [], admitted: undefined };

/** What others are compared by: the order, the range of its identities, and whether its claims count at all. */
const placeText = ({ rank, identities }: Standing, holds: HoldBook): string =>
  [rank.joinedAt, identities?.min, identities?.max, holds.forfeitsAll(rank.name)].join(' ');

const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && compareBytes(a, b) === 0);

const causesText = (holds: readonly Hold[]): string => holds.map(({ fingerprint }) => fingerprint).join(' ');

function place(records: Map<string, RecordState>, record: RecordState, here: boolean): void {
  if (here) records.set(record.key, record);
  else records.delete(record.key);
}

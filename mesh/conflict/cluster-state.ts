// Everything the evaluation keeps of one cluster: what it declares, its records, and the indexes over them. Mutable; the
// evaluation is its one writer.

import type { ClusterCard } from '../model/cluster.ts';
import { KeyedTable } from '../model/keyed-table.ts';
import type { ClusterName } from '../model/names.ts';
import { AdmittedRecords } from './admitted-records.ts';
import type { Declarations } from './facts.ts';
import { ObservedRanges } from './observed-ranges.ts';
import type { ClusterRange } from './ranges.ts';
import { type RecordOwner, RecordState } from './record-state.ts';
import { kindOfRecord, type RecordValue } from './record-value.ts';
import { type Standing, standingOf } from './standing.ts';

export class ClusterState {
  readonly name: ClusterName;
  readonly records: KeyedTable<RecordState>;
  /** Records of which something is withheld here. */
  readonly held = new Map<string, RecordState>();
  /** Records with a fault in everybody's eyes. */
  readonly faulty = new Map<string, RecordState>();
  /** What of its records goes on to this cluster's own state, by key. */
  readonly admitted: AdmittedRecords;
  declarations: Declarations = {};
  standing: Standing;
  /** What the rules about clusters said of it last; see HoldBook.signature. */
  holdSignature = '';
  /** What others were compared with last. */
  place = '';
  declarationsChanged = true;
  idsChanged = false;
  readonly observed: ObservedRanges;
  /** The declared ranges as they are compared with those of others. */
  placed: readonly ClusterRange[] = [];
  readonly #owners = new Map<RecordValue['kind'], RecordOwner>();
  readonly #observedIds = new Map<number, number>();

  /** `seed`: of its table, whose keys the cluster chooses. */
  constructor(name: ClusterName, seed: number) {
    this.name = name;
    this.records = new KeyedTable(seed);
    this.admitted = new AdmittedRecords(this.records);
    this.standing = standingOf({ name, declarations: {}, observedId: undefined });
    this.observed = new ObservedRanges(name);
  }

  /** The state of the key, made when it is new; undefined for a key that is no record of ours. */
  recordAt(key: string): RecordState | undefined {
    const known = this.records.get(key);
    if (known !== undefined) return known;
    const kind = kindOfRecord(key);
    if (kind === undefined) return undefined;
    const record = new RecordState(this.#ownerOf(kind), key);
    this.records.put(record);
    return record;
  }

  #ownerOf(kind: RecordValue['kind']): RecordOwner {
    const known = this.#owners.get(kind);
    if (known !== undefined) return known;
    const owner: RecordOwner = { cluster: this.name, kind };
    this.#owners.set(kind, owner);
    return owner;
  }

  /** How old it is decides nothing about its standing, so that a heartbeat costs nothing. */
  declare(declarations: Declarations): void {
    const { card, config, admitted, problems } = this.declarations;
    this.declarationsChanged ||=
      card !== declarations.card ||
      config !== declarations.config ||
      admitted !== declarations.admitted ||
      problems !== declarations.problems;
    this.declarations = declarations;
  }

  /** Counts which cluster ids the records carry: a cluster that declares none is known by them. */
  countId(record: RecordState, id: number | undefined): void {
    if (id === record.observedId) return;
    this.#count(record.observedId, -1);
    this.#count(id, 1);
    record.observedId = id;
    this.idsChanged ||= !this.standing.declaresId;
  }

  #count(id: number | undefined, step: 1 | -1): void {
    if (id === undefined) return;
    const count = (this.#observedIds.get(id) ?? 0) + step;
    if (count > 0) this.#observedIds.set(id, count);
    else this.#observedIds.delete(id);
  }

  /** Recomputes the standing; true when it is another one. */
  restand(): boolean {
    const before = standingText(this.standing);
    const { name, declarations } = this;
    this.standing = standingOf({ name, declarations, observedId: this.#observedId() });
    this.declarationsChanged = false;
    this.idsChanged = false;
    return standingText(this.standing) !== before;
  }

  /** Everything that is compared with the ranges of others. */
  get ranges(): readonly ClusterRange[] {
    return [...this.placed, ...this.observed.all()];
  }

  /** Reads the ranges off all nodes, after what is compared of them has changed. */
  observeAgain(): void {
    this.observed.clear();
    for (const { kind, key, good } of this.records.values()) {
      if (kind === 'nodes') this.observed.note(key, undefined, good?.value, this.standing);
    }
  }

  /** What most records carry, the smallest where several are equally common. */
  #observedId(): number | undefined {
    const [first] = [...this.#observedIds].sort(([a, countA], [b, countB]) => countB - countA || a - b);
    return first?.[0];
  }
}

/** Without the card's clock, which changes with every write and decides nothing here. */
function standingText({
  card,
  declared: _declared,
  admittedRanges: _admittedRanges,
  ranges,
  admitted,
  ...rest
}: Standing): string {
  return JSON.stringify([
    rest,
    card === undefined ? null : { ...card, time: '' },
    admitted?.uid ?? null,
    rangesText(ranges),
    admittedText(admitted),
  ]);
}

const rangesText = (ranges: readonly ClusterRange[]): string =>
  ranges.map(({ kind, prefix, key, grown }) => [kind, prefix.text, key, grown].join(' ')).join('\n');

const admittedText = (card: ClusterCard | undefined): string =>
  card === undefined
    ? ''
    : [card.podCIDRs, card.serviceCIDRs, card.nodeCIDRs].map((texts) => texts.join(' ')).join(';');

/** What a cluster's ranges are judged by; two texts are equal when all that was judged of them still holds. */
export const rangeBasis = ({ rank, plain, ranges, admitted }: Standing): string =>
  [rank.joinedAt, plain, admitted === undefined, admittedText(admitted), rangesText(ranges)].join('\n');

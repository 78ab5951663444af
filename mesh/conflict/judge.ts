// The verdict on one record: what is wrong with it in everybody's eyes (faults), what of it is withheld here (holds), and the
// bytes that are admitted. A function of the record and of what the evaluation knows around it; it changes nothing.

import { inRange } from '../model/identity.ts';
import type { ClusterName } from '../model/names.ts';
import type { Claim, Claimant, ClaimIndex } from './claims.ts';
import { type Party, pairFingerprint, soleFingerprint } from './finding.ts';
import type { Cause, HoldBook, RangeHold } from './holds.ts';
import { compareRanks } from './order.ts';
import type { RecordIndexes } from './record-indexes.ts';
import { withIdentity, withoutAddresses, withoutBackends } from './record-parts.ts';
import type { Fault, GoodValue, Hold, RecordState } from './record-state.ts';
import { type AddressUse, addressUses, backendsOf, identityOf } from './record-value.ts';
import { serviceConflict, serviceFingerprint } from './service.ts';
import type { Standing } from './standing.ts';

export interface JudgeContext {
  readonly local: ClusterName | undefined;
  readonly standings: ReadonlyMap<ClusterName, Standing>;
  readonly holds: HoldBook;
  readonly indexes: RecordIndexes;
}

export interface Judgement {
  readonly faults: readonly Fault[];
  readonly holds: readonly Hold[];
  readonly admitted: Uint8Array | undefined;
}

/** Collects while one record is judged. */
interface Pad {
  readonly faults: Fault[];
  readonly holds: Hold[];
}

export function judge(record: RecordState, standing: Standing, context: JudgeContext): Judgement {
  const pad: Pad = { faults: [], holds: [] };
  const { good } = record;
  rejectedFault(record, pad);
  // Without a valid id nothing of a cluster can be told from another's: it waits, or is held back whole below.
  const waits = standing.id === undefined;
  for (const cause of context.holds.wholeOf(record.cluster)) pad.holds.push(whole(cause));
  let admitted: Uint8Array | undefined;
  if (good !== undefined) {
    problemFaults(record, good, standing, pad);
    admitted = judgeGood(record, good, standing, context, pad);
  }
  if (record.cluster === context.local) return { faults: pad.faults, holds: [], admitted: good?.bytes };
  // A rejected value is withheld, which does not touch the good one that stays.
  const held = pad.holds.some(({ part, code }) => part === 'record' && code !== 'CM-REC-001');
  return { faults: pad.faults, holds: merged(pad.holds), admitted: held || waits ? undefined : admitted };
}

function judgeGood(
  record: RecordState,
  good: GoodValue,
  standing: Standing,
  context: JudgeContext,
  pad: Pad,
): Uint8Array | undefined {
  switch (good.value.kind) {
    case 'identities':
      identityCollisions(record, good, context, pad);
      return good.bytes;
    case 'ip':
      return judgeEndpoint(record, good, standing, context, pad);
    case 'nodes':
      return judgeNode(record, good, standing, context, pad);
    case 'services':
      return judgeService(record, good, standing, context, pad);
  }
}

// ---- endpoints

function judgeEndpoint(
  record: RecordState,
  good: GoodValue,
  standing: Standing,
  context: JudgeContext,
  pad: Pad,
): Uint8Array | undefined {
  const [use] = addressUses(good.value);
  if (use !== undefined) {
    for (const hold of rangeHolds(use, record.cluster, context)) if (!hold.backendsOnly) pad.holds.push(whole(hold));
    outside(record, [use], standing, context, pad, () => 'record');
    for (const cause of lostClaims(record.cluster, use.text, context)) pad.holds.push(whole(cause));
  }
  const identity = identityOf(good.value);
  if (identity === undefined || standing.identities === undefined) return good.bytes;
  // What a peer calls its own host is, from here, a remote node.
  if (identity === HOST_IDENTITY) return withIdentity(good.bytes, REMOTE_NODE_IDENTITY);
  if (!inRange(standing.identities, identity)) return good.bytes;
  const published = context.indexes.publisher(identity, record.cluster);
  if (published === undefined) {
    unpublished(record, identity, pad);
    return withIdentity(good.bytes, UNKNOWN_IDENTITY);
  }
  for (const hold of published.holds) if (hold.code.startsWith('CM-IDENT-')) pad.holds.push(whole(hold));
  return good.bytes;
}

const UNKNOWN_IDENTITY = 0;
const HOST_IDENTITY = 1;
const REMOTE_NODE_IDENTITY = 6;

function unpublished(record: RecordState, identity: number, pad: Pad): void {
  const code = 'CM-IDENT-004';
  pad.faults.push({
    code,
    fingerprint: soleFingerprint(code, record.cluster, String(identity)),
    subject: { cluster: record.cluster, kind: 'identity', key: identityKey(identity), value: String(identity) },
    evidence: { identity },
  });
}

// ---- identities

const identityKey = (identity: number): string => `cilium/state/identities/v1/id/${identity}`;

/** CM-IDENT-003 between clusters: the one in whose range the number lies is right, else the earlier one. */
function identityCollisions(record: RecordState, good: GoodValue, context: JudgeContext, pad: Pad): void {
  const identity = identityOf(good.value);
  if (identity === undefined) return;
  const publishers = context.indexes.publishers(identity);
  if (publishers.length < 2) return;
  const claimants = publishers.map(({ cluster }) => ({ cluster, sound: isSoundIdentity(cluster, identity, context) }));
  for (const winner of lostAgainst(record.cluster, claimants, context)) {
    pad.holds.push(
      whole({ code: 'CM-IDENT-003', fingerprint: collisionFingerprint(identity, record.cluster, winner) }),
    );
  }
}

export function isSoundIdentity(cluster: ClusterName, identity: number, { standings, holds }: JudgeContext): boolean {
  const range = standings.get(cluster)?.identities;
  return range !== undefined && inRange(range, identity) && !holds.forfeitsAll(cluster);
}

export function collisionFingerprint(identity: number, a: ClusterName, b: ClusterName): string {
  const party = (cluster: ClusterName): Party => ({ cluster, kind: 'identity', key: '', value: String(identity) });
  return pairFingerprint('CM-IDENT-003', party(a), party(b));
}

// ---- nodes

function judgeNode(
  record: RecordState,
  good: GoodValue,
  standing: Standing,
  context: JudgeContext,
  pad: Pad,
): Uint8Array | undefined {
  const uses = addressUses(good.value);
  outside(
    record,
    uses.filter(({ role }) => role === 'allocation'),
    standing,
    context,
    pad,
    () => 'record',
  );
  const dropped = new Set<string>();
  const causes: Cause[] = [];
  for (const use of uses) {
    const found: readonly Cause[] = [
      ...rangeHolds(use, record.cluster, context).filter(({ backendsOnly }) => !backendsOnly),
      ...(use.role === 'node' ? lostClaims(record.cluster, use.text, context) : []),
    ];
    if (found.length > 0) dropped.add(use.text);
    causes.push(...found);
  }
  if (dropped.size === 0) return good.bytes;
  const rest = withoutAddresses(good.bytes, dropped);
  // A node that no address of its own is left of is not a node any more.
  const part = rest === undefined ? 'record' : 'addresses';
  pad.holds.push(...causes.map(({ code, fingerprint }): Hold => ({ code, fingerprint, part, count: 1 })));
  return rest;
}

// ---- services

function judgeService(
  record: RecordState,
  good: GoodValue,
  standing: Standing,
  context: JudgeContext,
  pad: Pad,
): Uint8Array | undefined {
  const uses = addressUses(good.value);
  const dropped = new Set<string>();
  const drop = (address: string, cause: Cause) => {
    dropped.add(address);
    pad.holds.push({ code: cause.code, fingerprint: cause.fingerprint, part: 'backends', count: 1 });
  };
  for (const use of uses) {
    for (const hold of rangeHolds(use, record.cluster, context)) drop(use.text, hold);
    for (const cause of lostClaims(record.cluster, use.text, context)) drop(use.text, cause);
  }
  foreignAddresses(record, uses, context, pad, drop);
  outside(record, uses, standing, context, pad, (use) => {
    dropped.add(use.text);
    return 'backends';
  });
  const ports = withheldPorts(record, good, context, pad);
  if (ports === 'all') {
    for (const { text } of uses) dropped.add(text);
  }
  const names = ports === 'all' ? new Set<string>() : ports;
  return dropped.size === 0 && names.size === 0 ? good.bytes : withoutBackends(good.bytes, dropped, names);
}

/** CM-CIDR-007 of a backend: it uses what an earlier cluster has as its own endpoint or node. */
function foreignAddresses(
  record: RecordState,
  uses: readonly AddressUse[],
  context: JudgeContext,
  pad: Pad,
  drop: (address: string, cause: Cause) => void,
): void {
  const own = context.standings.get(record.cluster);
  for (const { text } of uses) {
    const claimants = context.indexes.claims.claimants(text);
    if (own === undefined || claimants.some(({ cluster }) => cluster === record.cluster)) continue;
    for (const { cluster, sound } of claimants) {
      const owner = context.standings.get(cluster);
      if (!sound || owner === undefined || compareRanks(owner.rank, own.rank) > 0) continue;
      const code = 'CM-CIDR-007';
      const subject = { cluster: record.cluster, kind: 'backend', key: record.key, value: text };
      const other = { cluster, kind: 'address', key: '', value: text };
      const cause = { code, fingerprint: pairFingerprint(code, subject, other) };
      pad.faults.push({ ...cause, subject, other, winner: cluster, evidence: { address: text } });
      drop(text, cause);
    }
  }
}

function withheldPorts(
  record: RecordState,
  good: GoodValue,
  { indexes, standings, holds, local }: JudgeContext,
  pad: Pad,
): 'all' | Set<string> {
  const names = new Set<string>();
  if (good.value.kind !== 'services') return names;
  const { key } = good.value;
  if (!indexes.services.disagrees(key)) return names;
  const constituents = indexes.services.constituents(key);
  const own = constituents.find(({ cluster }) => cluster === record.cluster);
  if (own === undefined) return names;
  let all = false;
  for (const other of constituents) {
    if (other === own) continue;
    const conflict = serviceConflict(own.shape, other.shape);
    if (conflict === undefined) continue;
    const winner = better(
      { cluster: own.cluster, sound: !holds.forfeitsAll(own.cluster) },
      { cluster: other.cluster, sound: !holds.forfeitsAll(other.cluster) },
      standings,
    );
    // Nobody withholds its own: the local cluster keeps its port, also where it is the later one.
    if (winner === own.cluster && other.cluster !== local) continue;
    const cause = {
      code: conflict.code,
      fingerprint: serviceFingerprint(conflict.code, key, own.cluster, other.cluster),
    };
    if (conflict.code === 'CM-SVC-002') {
      all = true;
      pad.holds.push({ ...cause, part: 'backends', count: backendsOf(good.value).length });
    } else {
      for (const name of conflict.ofA) names.add(name);
      pad.holds.push({ ...cause, part: 'ports', count: conflict.ofA.size });
    }
  }
  return all ? 'all' : names;
}

// ---- what several kinds share

function rejectedFault(record: RecordState, pad: Pad): void {
  const [first] = record.rejected;
  if (first === undefined) return;
  const code = 'CM-REC-001';
  const fingerprint = soleFingerprint(code, record.cluster, record.key);
  pad.faults.push({
    code,
    fingerprint,
    subject: { cluster: record.cluster, kind: record.kind, key: record.key, value: '' },
    evidence: {
      problems: record.rejected.map(({ field, reason }) => ({ field, reason })),
      previous_value_kept: record.good !== undefined,
    },
  });
  pad.holds.push(whole({ code, fingerprint }));
}

/** What the validator of the record's kind found: identities out of range, reserved ones, labels of another cluster. */
function problemFaults(record: RecordState, good: GoodValue, standing: Standing, pad: Pad): void {
  for (const problem of good.problems) {
    const identity = identityOf(good.value);
    const what = identity === undefined ? record.key : String(identity);
    const fingerprint = soleFingerprint(problem.code, record.cluster, what);
    const { identities } = standing;
    pad.faults.push({
      code: problem.code,
      fingerprint,
      subject: { cluster: record.cluster, kind: 'identity', key: record.key, value: what },
      evidence: {
        field: problem.field,
        reason: problem.reason,
        ...(identities === undefined ? {} : { range: `${identities.min} to ${identities.max}` }),
      },
    });
    pad.holds.push(whole({ code: problem.code, fingerprint }));
  }
}

/** CM-CIDR-006: one finding for the record, whatever number of its addresses lies outside. */
function outside(
  record: RecordState,
  uses: readonly AddressUse[],
  standing: Standing,
  context: JudgeContext,
  pad: Pad,
  withhold: (use: AddressUse) => Hold['part'],
): void {
  const strangers = uses.filter((use) => !isDeclared(use, standing, context.indexes.claims));
  const [first] = strangers;
  if (first === undefined) return;
  const code = 'CM-CIDR-006';
  const fingerprint = soleFingerprint(code, record.cluster, record.key);
  pad.faults.push({
    code,
    fingerprint,
    subject: { cluster: record.cluster, kind: record.kind, key: record.key, value: first.text },
    evidence: {
      addresses: strangers.slice(0, ADDRESSES_SHOWN_MAX).map(({ text }) => text),
      addresses_total: strangers.length,
      declared: standing.ranges.filter(({ declared }) => declared).map(({ prefix }) => prefix.text),
    },
  });
  for (const use of strangers) pad.holds.push({ code, fingerprint, part: withhold(use), count: 1 });
}

/** Enough to recognise the pattern. */
const ADDRESSES_SHOWN_MAX = 10;

/** Where no node range is declared, the addresses of the cluster's own nodes are its own. */
export function isDeclared(use: AddressUse, standing: Standing, claims: ClaimIndex<RecordState>): boolean {
  if (standing.declared === undefined || standing.declared.covering(use.prefix).length > 0) return true;
  return !standing.declaresNodes && claims.hasNode(use.text, standing.name);
}

function rangeHolds(use: AddressUse, cluster: ClusterName, { holds }: JudgeContext): readonly RangeHold[] {
  return holds.rangesOf(cluster)?.touching(use.prefix) ?? [];
}

function lostClaims(cluster: ClusterName, address: string, context: JudgeContext): readonly Cause[] {
  const claimants = context.indexes.claims.claimants(address);
  if (claimants.length < 2) return [];
  return lostAgainst(cluster, claimants, context).map((winner) => ({
    code: 'CM-CIDR-007',
    fingerprint: claimFingerprint(address, cluster, winner),
  }));
}

export function claimFingerprint(address: string, a: ClusterName, b: ClusterName): string {
  const party = (cluster: ClusterName): Party => ({ cluster, kind: 'address', key: '', value: address });
  return pairFingerprint('CM-CIDR-007', party(a), party(b));
}

/** Against whom the cluster's claim is withheld here; none for the one whose claim stands. */
function lostAgainst(
  cluster: ClusterName,
  claimants: readonly Claimant[],
  { standings, local }: JudgeContext,
): readonly ClusterName[] {
  const own = claimants.find((claimant) => claimant.cluster === cluster);
  if (own === undefined || cluster === local) return [];
  return claimants
    .filter((other) => other !== own && (other.cluster === local || better(own, other, standings) === other.cluster))
    .map((other) => other.cluster);
}

/** The better of two claims: a sound one, else that of the cluster that comes first. */
export function better(a: Claimant, b: Claimant, standings: ReadonlyMap<ClusterName, Standing>): ClusterName {
  if (a.sound !== b.sound) return a.sound ? a.cluster : b.cluster;
  const rank = (cluster: ClusterName) => standings.get(cluster)?.rank ?? { joinedAt: undefined, name: cluster };
  return compareRanks(rank(a.cluster), rank(b.cluster)) < 0 ? a.cluster : b.cluster;
}

const whole = ({ code, fingerprint }: Cause): Hold => ({ code, fingerprint, part: 'record', count: 1 });

/** One hold per cause and part, with the sum of what it takes. */
function merged(holds: readonly Hold[]): readonly Hold[] {
  if (holds.length < 2) return holds;
  const byCause = new Map<string, Hold>();
  for (const hold of holds) {
    const name = `${hold.fingerprint} ${hold.part}`;
    const known = byCause.get(name);
    if (known === undefined) byCause.set(name, hold);
    else if (hold.part !== 'record') byCause.set(name, { ...known, count: known.count + hold.count });
  }
  return [...byCause.values()];
}

/** The claims of a record's value; unsound ones stand behind everybody else's. */
export function claimsOf(good: GoodValue | undefined, standing: Standing, context: JudgeContext): readonly Claim[] {
  if (good === undefined) return [];
  const claims = new Map<string, Claim>();
  for (const use of addressUses(good.value)) {
    if (use.role === 'allocation') continue;
    const strength = use.role === 'backend' ? 'use' : use.role;
    const sound =
      strength !== 'use' &&
      good.problems.length === 0 &&
      !context.holds.forfeits(standing.name, use.prefix) &&
      (isDeclared(use, standing, context.indexes.claims) || (strength === 'node' && !standing.declaresNodes));
    claims.set(use.text, { address: use.text, strength, sound });
  }
  return [...claims.values()];
}

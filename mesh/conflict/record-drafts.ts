// What the records of a mesh amount to as drafts of findings: faults of single records, and conflicts between records of several
// clusters. Always in the same order, so that every cluster lists the same ones.

import type { ClusterName } from '../model/names.ts';
import { rangeParty } from './cidr.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Drafts } from './drafts.ts';
import type { MeshEvaluation } from './evaluation.ts';
import type { Json, Party } from './finding.ts';
import { claimFingerprint } from './judge-addresses.ts';
import { collisionFingerprint, isSoundIdentity } from './judge-identity.ts';
import { better } from './judgement.ts';
import { LiveAddresses } from './live-addresses.ts';
import { compareText } from './order.ts';
import { namedKey } from './pieces.ts';
import type { Fault, RecordState } from './record-state.ts';
import { identityLabels } from './record-value.ts';
import { serviceDrafts } from './service.ts';
import { specDrafts } from './spec.ts';
import { workloadDrafts } from './workload.ts';

/** Enough keys to find the rest by. */
const EXAMPLES_MAX = 5;
/** Enough to recognise the pattern. */
const ADDRESSES_MAX = 10;

export function recordDrafts(evaluation: MeshEvaluation, drafts: Drafts): void {
  const clusters = [...evaluation.clusters.values()].sort((a, b) => compareText(a.name, b.name));
  rangeDrafts(evaluation, drafts);
  for (const cluster of clusters) faultDrafts(cluster, drafts);
  addressDrafts(evaluation, drafts);
  identityDrafts(evaluation, drafts);
  const { standings, holds, indexes } = evaluation.context;
  const claim = (cluster: ClusterName) => ({ cluster, sound: !holds.forfeitsAll(cluster) });
  const wins = (a: ClusterName, b: ClusterName) => better(claim(a), claim(b), standings) === a;
  for (const [key, constituents] of indexes.services.several()) {
    if (indexes.services.disagrees(key)) serviceDrafts(key, constituents, wins, drafts);
    workloadDrafts(key, constituents, evaluation, drafts);
  }
  const forfeits = (cluster: ClusterName) => holds.forfeitsAll(cluster);
  for (const [key, constituents] of indexes.specs.differing()) specDrafts(key, constituents, forfeits, drafts);
}

function rangeDrafts({ rangeConflicts, clusters }: MeshEvaluation, drafts: Drafts): void {
  const live = new Map<ClusterName, LiveAddresses>();
  const liveOf = (name: ClusterName): LiveAddresses | undefined => {
    const cluster = clusters.get(name);
    if (cluster === undefined) return undefined;
    const known = live.get(name) ?? new LiveAddresses(cluster);
    live.set(name, known);
    return known;
  };
  for (const { code, meeting, severity, loser, winner, intersection, fingerprint } of rangeConflicts) {
    const parties = [loser, winner].sort((a, b) => compareText(a.cluster, b.cluster));
    const each = (value: (name: ClusterName) => Json): Json =>
      Object.fromEntries(parties.map(({ cluster }) => [cluster, value(cluster)]));
    drafts.add(code, loser.cluster, () => ({
      code,
      severity,
      subject: rangeParty(loser),
      other: rangeParty(winner),
      evidence: {
        ranges: Object.fromEntries(parties.map(({ cluster, prefix }) => [cluster, prefix.text])),
        intersection: intersection.text,
        endpoints_inside: each((name) => liveOf(name)?.endpointsIn(intersection) ?? 0),
        backends_inside: each((name) => liveOf(name)?.backendsIn(intersection) ?? 0),
        ...(code === meeting ? {} : { would_be: meeting }),
      },
      winner: winner.cluster,
      fingerprint,
    }));
  }
}

/** Faults of one fingerprint are one finding: all endpoints that use one wrong identity, for example. */
function faultDrafts(cluster: ClusterState, drafts: Drafts): void {
  const groups = new Map<string, { readonly fault: Fault; readonly keys: Set<string>; readonly addresses: string[] }>();
  for (const record of [...cluster.faulty.values()].sort((a, b) => compareText(a.key, b.key))) {
    for (const fault of record.faults) {
      const group = groups.get(fault.fingerprint) ?? { fault, keys: new Set(), addresses: [] };
      groups.set(fault.fingerprint, group);
      group.keys.add(namedKey(record));
      group.addresses.push(...(fault.addresses ?? []));
    }
  }
  for (const { fault, keys, addresses: doubled } of groups.values()) {
    const addresses = [...new Set(doubled)].sort(compareText);
    const [first] = addresses;
    drafts.add(fault.code, cluster.name, () => ({
      code: fault.code,
      ...(fault.severity === undefined ? {} : { severity: fault.severity }),
      subject: first === undefined ? fault.subject : { ...fault.subject, value: first },
      other: fault.other ?? 'local',
      evidence: {
        ...(first === undefined
          ? {}
          : { addresses: addresses.slice(0, ADDRESSES_MAX), addresses_total: addresses.length }),
        ...fault.evidence,
        ...(keys.size > 1 ? { records: keys.size, examples: [...keys].slice(0, EXAMPLES_MAX) } : {}),
      },
      winner: fault.winner ?? null,
      fingerprint: fault.fingerprint,
    }));
  }
}

/** CM-CIDR-007, one for each pair of claimants. */
function addressDrafts({ context, indexes }: MeshEvaluation, drafts: Drafts): void {
  const code = 'CM-CIDR-007';
  for (const address of [...indexes.claims.contested()].sort()) {
    const claimants = [...indexes.claims.claimants(address)].sort((a, b) => compareText(a.cluster, b.cluster));
    const users = indexes.claims.claiming(address);
    const party = (cluster: ClusterName): Party => {
      const [key = ''] = keysOf(users, cluster);
      return { cluster, kind: 'address', key, value: address };
    };
    for (const [at, a] of claimants.entries()) {
      for (const b of claimants.slice(at + 1)) {
        const winner = better(a, b, context.standings);
        const loser = winner === a.cluster ? b.cluster : a.cluster;
        drafts.add(code, loser, () => ({
          code,
          subject: party(loser),
          other: party(winner),
          evidence: {
            address,
            claims: Object.fromEntries([a, b].map(({ cluster }) => [cluster, keysOf(users, cluster)])),
          },
          winner,
          fingerprint: claimFingerprint(address, a.cluster, b.cluster),
        }));
      }
    }
  }
}

const keysOf = (users: readonly RecordState[], name: ClusterName): readonly string[] =>
  users
    .filter(({ cluster }) => cluster === name)
    .map(({ key }) => key)
    .sort()
    .slice(0, EXAMPLES_MAX);

/** CM-IDENT-003 between clusters: one number, and necessarily different labels. */
function identityDrafts({ context, indexes }: MeshEvaluation, drafts: Drafts): void {
  const code = 'CM-IDENT-003';
  for (const number of indexes.collisions) {
    const publishers = [...indexes.publishers(number)].sort((a, b) => compareText(a.cluster, b.cluster));
    for (const [at, a] of publishers.entries()) {
      for (const b of publishers.slice(at + 1)) {
        const claim = ({ cluster }: RecordState) => ({ cluster, sound: isSoundIdentity(cluster, number, context) });
        const winner = better(claim(a), claim(b), context.standings);
        const [first, second] = winner === a.cluster ? [b, a] : [a, b];
        const party = ({ cluster, key }: RecordState): Party => ({
          cluster,
          kind: 'identity',
          key,
          value: String(number),
        });
        drafts.add(code, first.cluster, () => ({
          code,
          subject: party(first),
          other: party(second),
          evidence: { identity: number, labels: labelsOf([a, b]), only_in: differenceOf(a, b) },
          winner,
          fingerprint: collisionFingerprint(number, a.cluster, b.cluster),
        }));
      }
    }
  }
}

const labels = ({ good }: RecordState): readonly string[] => (good === undefined ? [] : identityLabels(good.bytes));

const labelsOf = (records: readonly RecordState[]): Json =>
  Object.fromEntries(records.map((record) => [record.cluster, labels(record)]));

function differenceOf(a: RecordState, b: RecordState): Json {
  const only = (one: RecordState, other: RecordState) => labels(one).filter((label) => !labels(other).includes(label));
  return { [a.cluster]: only(a, b), [b.cluster]: only(b, a) };
}

// What this cluster withholds for each finding, counted over the records of which something is withheld.

import type { ClusterName } from '../model/names.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Effect } from './finding.ts';
import type { HoldBook } from './holds.ts';
import { compareText } from './order.ts';
import { namedKey, namedKind } from './pieces.ts';
import type { Hold, RecordState } from './record-state.ts';
import { backendsOf, type RecordValue } from './record-value.ts';

/** Enough to look at; the rest is in the quarantine. */
const EXAMPLES_MAX = 5;
const SERVICES_MAX = 20;

type Counted = Exclude<keyof Effect['withheld'], 'clusters' | 'examples'>;

interface Tally {
  readonly clusters: Set<string>;
  readonly counts: Record<Counted, number>;
  readonly examples: string[];
  readonly services: Set<string>;
}

/** By fingerprint. */
export function effectsOf(
  clusters: ReadonlyMap<ClusterName, ClusterState>,
  holds: HoldBook,
): ReadonlyMap<string, Effect> {
  const tallies = new Map<string, Tally>();
  const tallyOf = (fingerprint: string): Tally => {
    const known = tallies.get(fingerprint);
    if (known !== undefined) return known;
    const counts = { endpoints: 0, backends: 0, nodes: 0, identities: 0, ports: 0, specs: 0 };
    const tally = { clusters: new Set<string>(), counts, examples: [], services: new Set<string>() };
    tallies.set(fingerprint, tally);
    return tally;
  };
  for (const cluster of [...clusters.values()].sort((a, b) => compareText(a.name, b.name))) {
    for (const { fingerprint } of holds.wholeOf(cluster.name)) tallyOf(fingerprint).clusters.add(cluster.name);
    for (const record of cluster.held.values()) {
      const fingerprints = new Set(record.holds.map(({ fingerprint }) => fingerprint));
      for (const fingerprint of fingerprints) {
        const holds = record.holds.filter((hold) => hold.fingerprint === fingerprint);
        count(tallyOf(fingerprint), record, holds);
      }
    }
  }
  return new Map([...tallies].map(([fingerprint, tally]) => [fingerprint, effectOf(tally)]));
}

const COUNTED: Readonly<Record<RecordValue['kind'], Counted>> = {
  ip: 'endpoints',
  services: 'backends',
  heads: 'backends',
  slices: 'backends',
  nodes: 'nodes',
  identities: 'identities',
  specs: 'specs',
};

/** `holds`: all of one finding on the record. */
function count({ counts, examples, services }: Tally, record: RecordState, holds: readonly Hold[]): void {
  const value = record.good?.value;
  const whole = holds.some(({ part }) => part === 'record');
  if (namedKind(record) !== 'services') counts[COUNTED[record.kind]] += 1;
  else if (whole) counts.backends += value === undefined ? 0 : backendsOf(value).length;
  else for (const hold of holds) counts[hold.part === 'ports' ? 'ports' : 'backends'] += hold.count;
  if (value?.kind === 'services' || value?.kind === 'heads' || value?.kind === 'slices') services.add(value.key);
  const name = holds.some(({ code }) => code === 'CM-REC-001') ? record.key : namedKey(record);
  if (examples.includes(name)) return;
  // Kept sorted by insertion, so that a large quarantine is not sorted for a few examples.
  const at = examples.findIndex((key) => name < key);
  if (at >= 0) examples.splice(at, 0, name);
  else if (examples.length < EXAMPLES_MAX) examples.push(name);
  if (examples.length > EXAMPLES_MAX) examples.pop();
}

function effectOf({ clusters, counts, examples, services }: Tally): Effect {
  return {
    withheld: { clusters: [...clusters].sort(), ...counts, examples },
    services: [...services].sort().slice(0, SERVICES_MAX),
    services_total: services.size,
  };
}

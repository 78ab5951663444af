// Damaged records of every kind through decoding and admission, batch by batch, and everything that is admitted after each batch before the
// slow reader of the catalogue. Follows from the seed alone; takes no more memory for a million records than for a thousand.

import { decodeInvitation } from '../../apiserver/join/invitation-record.ts';
import { decodeCard } from '../../mesh/wire/card.ts';
import { decodeClusterConfig } from '../../mesh/wire/cluster-config.ts';
import { decodeEpoch } from '../../mesh/wire/epoch.ts';
import { decodeFindingDates } from '../../mesh/wire/finding-dates.ts';
import { decodeLocalService } from '../../mesh/wire/local-service.ts';
import { decodePeerRecord } from '../../mesh/wire/peer-record.ts';
import { decodeQuarantined } from '../../mesh/wire/quarantine.ts';
import { RECORD_KINDS } from '../../mesh/wire/record-kinds.ts';
import { decodeTrustBundle } from '../../mesh/wire/trust-bundle.ts';
import type { Random } from '../../runtime/random.ts';
import { named, type SampleRecord, textOf } from '../samples/mesh.ts';
import { Mutator } from './mutate.ts';
import { objections } from './objections.ts';
import { baseRecord, cardOf, configOf, FuzzWorld, known, PEERS, put } from './world.ts';

export interface FuzzResult {
  readonly records: number;
  /** How many looks at a record that was admitted, or is no more. */
  readonly looks: number;
  readonly admitted: number;
  readonly withheld: number;
  /** What should not be; the first ones. */
  readonly failures: readonly string[];
}

export interface FuzzOptions {
  readonly count: number;
  readonly random: Random;
  readonly onProgress?: (records: number) => void;
}

const RECORDS_PER_WORLD = 1_000;
const BATCH = 20;
/** One failure has many faces; the first are enough to find it by. */
const FAILURES_MAX = 10;

export function fuzz({ count, random, onProgress }: FuzzOptions): FuzzResult {
  const mutator = new Mutator(random);
  const failures: string[] = [];
  const sums = { records: 0, looks: 0, admitted: 0, withheld: 0 };
  while (sums.records < count && failures.length < FAILURES_MAX) {
    const world = new FuzzWorld();
    const told = new Map(PEERS.map(({ name }) => [name, new Set<string>()]));
    world.engine.onChange((peer, keys) => {
      for (const key of keys) told.get(peer)?.add(key);
    });
    for (
      let sent = 0;
      sent < RECORDS_PER_WORLD && sums.records < count && failures.length < FAILURES_MAX;
      sent += BATCH
    ) {
      const peer = mutator.oneOf(PEERS);
      const records = Array.from({ length: BATCH }, () => {
        const base = baseRecord(peer, mutator);
        return mutator.chance(4) ? base : mutator.record(base, baseRecord(peer, mutator));
      });
      failures.push(...guarded(records, () => decodeAll(records)));
      failures.push(...guarded(records, () => send(world, peer.name, records, mutator)));
      for (const { name } of PEERS) {
        const keys = told.get(name) ?? new Set();
        sums.looks += keys.size;
        failures.push(...look(world, name, keys).map((failure) => withRaw(failure, records)));
        keys.clear();
      }
      sums.records += BATCH;
    }
    for (const { name } of PEERS) {
      sums.admitted += world.engine.admitted(named(name)).size;
      sums.withheld += world.engine.quarantine(named(name)).size;
      failures.push(...look(world, name, world.engine.admitted(named(name)).keys()));
    }
    failures.push(...twice(world), ...guarded([], () => end(world, mutator)));
    onProgress?.(sums.records);
  }
  return { ...sums, failures: failures.slice(0, FAILURES_MAX) };
}

function send(world: FuzzWorld, peer: string, records: readonly SampleRecord[], mutator: Mutator): readonly string[] {
  const events = records.map((record) =>
    mutator.chance(8) ? ({ type: 'delete', key: record.key, modRevision: 2 } as const) : put(record),
  );
  world.engine.applyPeerBatch(named(peer), events);
  return [];
}

/** What is wrong with what is admitted under these keys. */
function look(world: FuzzWorld, name: string, keys: Iterable<string>): readonly string[] {
  const facts = known[name];
  if (facts === undefined) return [];
  const admitted = world.engine.admitted(named(name));
  const found: string[] = [];
  for (const key of keys) {
    const bytes = admitted.get(key);
    if (bytes === undefined) continue;
    for (const objection of objections({
      ...facts,
      key,
      bytes,
      admitted,
      wasHeadless: wasHeadless(world, name, key, bytes),
    })) {
      found.push(`${name} ${key}: ${objection}\n  admitted ${textOf(bytes).slice(0, 600)}`);
    }
  }
  return found;
}

/** CM-CIDR-007 between the two peers: no address is both of theirs. */
function twice({ engine }: FuzzWorld): readonly string[] {
  const [first, ...rest] = PEERS.map(({ name }) => engine.admitted(named(name)));
  const both = [...(first?.keys() ?? [])].filter((key) => key.includes('/ip/') && rest.some((other) => other.has(key)));
  return both.map((key) => `${key}: CM-CIDR-007: admitted of both peers`);
}

/** What is withheld in part, the quarantine has as the peer wrote it; not so where a later value could not be used. */
function wasHeadless(world: FuzzWorld, name: string, key: string, bytes: Uint8Array): boolean {
  if (!key.startsWith('cilium/state/services/')) return false;
  const kept = world.engine.quarantine(named(name)).get(key);
  if (kept?.codes.includes('CM-REC-001') === true) return false;
  const written = kept === undefined ? bytes : Buffer.from(kept.value, 'base64');
  const { frontends } = JSON.parse(textOf(written)) as { frontends?: object | null };
  return Object.values(frontends ?? {}).every((ports) => Object.keys(ports).length === 0);
}

/** Whatever becomes of its cards and configs, a peer takes nothing from those who are right. */
function end(world: FuzzWorld, mutator: Mutator): readonly string[] {
  for (const peer of PEERS) {
    if (peer.plain !== true) world.engine.setCard(named(peer.name), mutator.value(cardOf(peer)));
    world.engine.setConfig(named(peer.name), mutator.value(configOf(peer)));
    for (const quarantined of world.engine.quarantine(named(peer.name)).values()) {
      if (quarantined.codes.length === 0) return [`${quarantined.key} is withheld for nothing`];
    }
  }
  JSON.stringify(world.engine.report());
  return world.untouched();
}

const DECODERS = [
  ...Object.values(RECORD_KINDS).map(({ decode }) => decode as (bytes: Uint8Array) => unknown),
  ...[decodeCard, decodeClusterConfig, decodeEpoch, decodeFindingDates, decodeLocalService, decodePeerRecord],
  ...[decodeQuarantined, decodeTrustBundle, (bytes: Uint8Array) => decodeInvitation('', bytes)],
];

/** Each value as each stored type: none throws, and what is no value is told as such. */
function decodeAll(records: readonly SampleRecord[]): readonly string[] {
  for (const { bytes } of records) for (const decode of DECODERS) decode(bytes);
  return [];
}

function guarded(records: readonly SampleRecord[], run: () => readonly string[]): readonly string[] {
  try {
    return run();
  } catch (error) {
    const said = records.map(({ key, bytes }) => `  ${key} ${textOf(bytes).slice(0, 300)}`).join('\n');
    return [`threw ${error instanceof Error ? error.stack : String(error)}\n${said}`];
  }
}

function withRaw(failure: string, records: readonly SampleRecord[]): string {
  const raw = records.findLast(({ key }) => failure.includes(` ${key}:`));
  return raw === undefined ? failure : `${failure}\n  sent ${textOf(raw.bytes).slice(0, 600)}`;
}

// Takes the records of many played clusters into one admission engine, kind by kind and in pieces as a link hands them on. Keys and
// values are made before and held beside it, as a link's mirror holds them: what is told is what admission keeps of its own.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AdmissionEngine } from '../../apiserver/admission/engine.ts';
import type { StoreEvent } from '../../apiserver/store/port.ts';
import type { ClusterName } from '../../mesh/model/names.ts';
import { SERVICE_PIECES } from '../../mesh/wire/card.ts';
import type { ClusterServiceRecord } from '../../mesh/wire/cluster-service.ts';
import { kindOfKey, statePrefix } from '../../mesh/wire/state-keys.ts';
import { systemClock } from '../../runtime/clock.ts';
import { publishedService } from '../mesh/played-pieces.ts';
import { card, clusterName, type OfflineMeshSize, records } from '../offline-mesh.ts';

/** As a link hands them on. */
const PIECE_RECORDS = 250;

export interface KindFigures {
  readonly kind: string;
  readonly records: number;
  /** Live bytes that came with them, for each. */
  readonly bytes: number;
  /** Microseconds of CPU until they are judged, for each. */
  readonly cpuUs: number;
}

type Entry = readonly [key: string, value: Uint8Array];

/** As a link asks for them where its peer has services in pieces. */
const KINDS = ['slices', 'nodes', 'identities', 'ip', 'specs', 'heads'] as const;

export function measureAdmission(size: OfflineMeshSize): readonly KindFigures[] {
  const clusters = Array.from({ length: size.clusters }, (_, at) => ({
    name: clusterName(at + 1) as ClusterName,
    byKind: entriesByKind(at + 1, size),
  }));
  const engine = new AdmissionEngine({ local: 'own' as ClusterName, clock: systemClock });
  for (const [at, { name }] of clusters.entries()) {
    engine.addPeer(name);
    engine.setCard(name, cardOf(at + 1));
  }
  const kinds: KindFigures[] = [];
  for (const kind of KINDS) {
    const before = liveBytes();
    let cpu = 0;
    let count = 0;
    for (const { name, byKind } of clusters) {
      const entries = byKind.get(kind) ?? [];
      count += entries.length;
      for (let at = 0; at < entries.length; at += PIECE_RECORDS) {
        const events = entries.slice(at, at + PIECE_RECORDS).map(put);
        const begun = process.cpuUsage();
        engine.applyPeerBatch(name, events);
        const { user, system } = process.cpuUsage(begun);
        cpu += user + system;
      }
    }
    kinds.push({ kind, records: count, bytes: (liveBytes() - before) / count, cpuUs: cpu / count });
  }
  const admitted = engine.peers.reduce((sum, peer) => sum + engine.admitted(peer).size, 0);
  const records = kinds.reduce((sum, kind) => sum + kind.records, 0);
  if (admitted !== records) throw new Error(`${admitted} of ${records} records were admitted`);
  return kinds;
}

function entriesByKind(id: number, size: OfflineMeshSize): ReadonlyMap<string, readonly Entry[]> {
  const byKind = new Map<string, Entry[]>();
  for (const [key, value] of records(id, size)) {
    for (const entry of entriesOf(key, value)) {
      const kind = kindOfKey(entry[0]) ?? '';
      const entries = byKind.get(kind);
      if (entries === undefined) byKind.set(kind, [entry]);
      else entries.push(entry);
    }
  }
  return byKind;
}

function entriesOf(key: string, value: unknown): readonly Entry[] {
  // Identities are stored as the text itself.
  if (typeof value === 'string') return [[flat(key), own(Buffer.from(value))]];
  if (!key.startsWith(statePrefix('services'))) return [[flat(key), own(Buffer.from(JSON.stringify(value)))]];
  return publishedService(value as ClusterServiceRecord).map(([name, bytes]) => [flat(name), own(bytes)]);
}

/** As a text that came from outside is: in one piece. */
const flat = (key: string): string => Buffer.from(key).toString('latin1');
const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

function cardOf(id: number): Uint8Array {
  const shown = card(id);
  const capabilities = [...shown.capabilities, SERVICE_PIECES];
  return Buffer.from(JSON.stringify({ ...shown, capabilities, podCIDRs: [`10.${id}.0.0/16`] }));
}

const put = ([key, value]: Entry): StoreEvent => ({
  type: 'put',
  kv: { key, value, createRevision: 1, modRevision: 1, version: 1, lease: '0' },
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function liveBytes(): number {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

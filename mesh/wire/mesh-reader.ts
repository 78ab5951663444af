// STABLE: what a mesh API server sends (mesh.proto), from bytes to values: one reader per stream, fed message by message. It
// gives a snapshot or a delta when that is whole. It never throws; after an error it has lost its place, and the stream with it.

import { inPieces } from '../model/list.ts';
import type { ClusterId, ClusterName, ServiceKey } from '../model/names.ts';
import { parseClusterName } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend } from '../model/service.ts';
import { checkContent, checkHead } from '../snapshot/consistent.ts';
import type { ServiceDelta, SnapshotDelta } from '../snapshot/delta.ts';
import type { ServiceSpec } from '../snapshot/equality.ts';
import type { BackendRef } from '../snapshot/order.ts';
import { ServiceMapBuilder } from '../snapshot/service-map.ts';
import type { MeshSnapshot, Position } from '../snapshot/snapshot.ts';
import { ChunkReader, isChunk } from './chunk-reader.ts';
import { FlatReader } from './flat-reader.ts';
import { clustermesh } from './gen/mesh.js';
import { parseClusters, parsePosition, ValueReader } from './mesh-values.ts';

/** Far beyond the largest mesh measured (5,000 services); bounds what a damaged stream can make an agent allocate. */
const SERVICES_MAX = 200_000;
/** The largest mesh that Cilium reports has 3 million endpoints. */
const BACKENDS_MAX = 5_000_000;

export type ServerEvent =
  | { readonly type: 'snapshot'; readonly snapshot: MeshSnapshot }
  | { readonly type: 'delta'; readonly delta: SnapshotDelta }
  /** `position`: everything up to there is in what was sent; absent before the server's first snapshot. */
  | { readonly type: 'heartbeat'; readonly position: Position | undefined }
  /** Something that goes on in the next message. */
  | { readonly type: 'part' };

interface PartialService {
  readonly key: ServiceKey;
  readonly spec: ServiceSpec | undefined;
  readonly upserted: Backend[];
  readonly removed: BackendRef[];
}

interface PartialSnapshot {
  readonly position: Position;
  readonly cluster: ClusterName;
  readonly announced: number;
  /** What is whole: all but the last one, which may go on in the next message. */
  readonly services: ServiceMapBuilder;
}

interface PartialDelta {
  readonly from: Position;
  readonly to: Position;
  readonly removed: ServiceKey[];
  clusters: ReadonlyMap<ClusterName, ClusterId> | undefined;
}

const PART: ServerEvent = { type: 'part' };

export class MeshReader {
  readonly #values = new ValueReader();
  readonly #chunks = new ChunkReader(this.#values);
  #snapshot: PartialSnapshot | undefined;
  #delta: PartialDelta | undefined;
  #services: PartialService[] = [];
  #closed = 0;
  #backends = 0;

  read(bytes: Uint8Array): Result<ServerEvent, string> {
    if (isChunk(bytes)) return this.#chunk(bytes);
    let message: clustermesh.v1.ServerMessage;
    try {
      message = clustermesh.v1.ServerMessage.decode(new FlatReader(bytes));
    } catch (error) {
      return err(`not a server message: ${error instanceof Error ? error.message : String(error)}`);
    }
    const { begin, chunk, end, delta, heartbeat } = message;
    if (begin) return this.#begin(begin);
    // One with fields beside it that this version does not know.
    if (chunk) return this.#chunk(clustermesh.v1.ServerMessage.encode({ chunk }).finish());
    if (end) return this.#end(end);
    if (delta) return this.#deltaPart(delta);
    if (heartbeat) return readHeartbeat(heartbeat);
    return err('a message of an unknown kind');
  }

  #begin(message: clustermesh.v1.SnapshotBegin.$Properties): Result<ServerEvent, string> {
    if (this.#snapshot !== undefined || this.#delta !== undefined) return err('a snapshot begins within another step');
    const position = parsePosition(message.position);
    if (!position.ok) return position;
    const cluster = parseClusterName(message.cluster ?? '');
    if (!cluster.ok) return err(`cluster name ${cluster.error}`);
    const services = message.services ?? 0;
    if (services > SERVICES_MAX) return err(`a snapshot of more than ${SERVICES_MAX} services`);
    const builder = new ServiceMapBuilder();
    this.#snapshot = { position: position.value, cluster: cluster.value, announced: services, services: builder };
    return ok(PART);
  }

  #chunk(message: Uint8Array): Result<ServerEvent, string> {
    if (this.#snapshot === undefined) return err('a chunk outside a snapshot');
    const services = this.#chunks.read(message);
    if (!services.ok) return services;
    for (const { key, spec, backends } of services.value) {
      const added = this.#add({ key, spec, upserted: backends, removed: [] });
      if (!added.ok) return added;
    }
    return this.#close(this.#snapshot.services, this.#services.length - 1);
  }

  /** Checks the first services and puts them into their places: message by message, since all at once would take too long. */
  #close(into: ServiceMapBuilder, count: number): Result<ServerEvent, string> {
    for (const { key, spec, upserted } of this.#services.splice(0, count)) {
      if (spec === undefined) return err(`${key}: a service without a spec`);
      const service = { key, ...spec, backends: inPieces(upserted) };
      const [problem] = checkContent(service);
      if (problem !== undefined) return err(`${key}: ${problem}`);
      into.add(service);
      this.#closed += 1;
    }
    return this.#closed > SERVICES_MAX ? err(`more than ${SERVICES_MAX} services`) : ok(PART);
  }

  #end(message: clustermesh.v1.SnapshotEnd.$Properties): Result<ServerEvent, string> {
    if (this.#snapshot === undefined) return err('an end without a snapshot');
    const clusters = parseClusters(message.clusters ?? []);
    if (!clusters.ok) return clusters;
    const { position, cluster, announced, services: builder } = this.#snapshot;
    const closed = this.#close(builder, this.#services.length);
    if (!closed.ok) return closed;
    const snapshot = { position, cluster, clusters: clusters.value, services: builder.build() };
    if (snapshot.services.size !== announced) {
      return err(`${snapshot.services.size} services of the ${announced} announced`);
    }
    const [problem] = checkHead(snapshot);
    if (problem !== undefined) return err(problem);
    this.#forget();
    return ok({ type: 'snapshot', snapshot });
  }

  #deltaPart(message: clustermesh.v1.Delta.$Properties): Result<ServerEvent, string> {
    if (this.#snapshot !== undefined) return err('a delta within a snapshot');
    const from = parsePosition(message.from);
    if (!from.ok) return from;
    const to = parsePosition(message.to);
    if (!to.ok) return to;
    this.#delta ??= { from: from.value, to: to.value, removed: [], clusters: undefined };
    const delta = this.#delta;
    if (!samePosition(delta.from, from.value) || !samePosition(delta.to, to.value)) {
      return err('a delta within another');
    }
    for (const each of message.changed ?? []) {
      const change = this.#change(each);
      if (!change.ok) return change;
      const added = this.#add(change.value);
      if (!added.ok) return added;
    }
    for (const text of message.removed ?? []) {
      const key = this.#values.key(text);
      if (!key.ok) return key;
      delta.removed.push(key.value);
      if (delta.removed.length > SERVICES_MAX) return err(`more than ${SERVICES_MAX} services removed`);
    }
    if (message.clustersChanged === true) {
      const clusters = parseClusters(message.clusters ?? []);
      if (!clusters.ok) return clusters;
      delta.clusters = clusters.value;
    }
    if (message.more === true) return ok(PART);
    const changed: readonly ServiceDelta[] = this.#services;
    this.#forget();
    return ok({ type: 'delta', delta: { ...delta, changed } });
  }

  #change(message: clustermesh.v1.ServiceChange.$Properties): Result<PartialService, string> {
    const key = this.#values.key(message.key);
    if (!key.ok) return key;
    const spec = message.spec ? this.#values.spec(message.spec) : undefined;
    if (spec?.ok === false) return err(`${key.value}: ${spec.error}`);
    const change: PartialService = { key: key.value, spec: spec?.value, upserted: [], removed: [] };
    for (const each of message.upserted ?? []) {
      const backend = this.#values.backend(each);
      if (!backend.ok) return err(`${key.value}: ${backend.error}`);
      change.upserted.push(backend.value);
    }
    for (const each of message.removed ?? []) {
      const ref = this.#values.ref(each);
      if (!ref.ok) return err(`${key.value}: ${ref.error}`);
      change.removed.push(ref.value);
    }
    return ok(change);
  }

  /** Adds a service or a change, or goes on with the last one when it is of the same key and has no spec. */
  #add(part: PartialService): Result<ServerEvent, string> {
    const { key, spec, upserted, removed } = part;
    this.#backends += upserted.length + removed.length;
    if (this.#backends > BACKENDS_MAX) return err(`more than ${BACKENDS_MAX} backends`);
    const last = this.#services.at(-1);
    if (last?.key === key && spec === undefined) {
      for (const backend of upserted) last.upserted.push(backend);
      for (const ref of removed) last.removed.push(ref);
      return ok(PART);
    }
    this.#services.push(part);
    return this.#services.length > SERVICES_MAX ? err(`more than ${SERVICES_MAX} services`) : ok(PART);
  }

  #forget(): void {
    this.#snapshot = undefined;
    this.#delta = undefined;
    this.#services = [];
    this.#closed = 0;
    this.#backends = 0;
  }
}

function readHeartbeat(message: clustermesh.v1.Heartbeat.$Properties): Result<ServerEvent, string> {
  if (!message.position) return ok({ type: 'heartbeat', position: undefined });
  const position = parsePosition(message.position);
  return position.ok ? ok({ type: 'heartbeat', position: position.value }) : position;
}

const samePosition = (a: Position, b: Position): boolean => a.storeId === b.storeId && a.revision === b.revision;

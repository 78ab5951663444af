// STABLE: what a mesh API server sends to its agents (mesh.proto), from values to bytes. A snapshot and a large delta come in
// several messages of bounded size; a service too large for one goes on in the next: the same key again, without a spec. The
// other side is mesh-reader.ts.

import type { ServiceDelta, SnapshotDelta } from '../snapshot/delta.ts';
import type { MeshSnapshot, Position } from '../snapshot/snapshot.ts';
import { clustermesh } from './gen/mesh.js';
import { backendMessage, clusterMessages, positionMessage, specMessage } from './mesh-values.ts';

type ServiceMessage = clustermesh.v1.Service.$Properties;
type ChangeMessage = clustermesh.v1.ServiceChange.$Properties;
type ServerMessage = clustermesh.v1.ServerMessage.$Properties;

/**
 * A message is closed when it has grown to about this: large enough that the cost per message does not matter, small enough
 * that a slow agent's unsent bytes do not, and far below gRPC's limit of 4 MiB.
 */
export const MESSAGE_BYTES = 64 * 1024;
/** About what tags, lengths and numbers add to the texts of a backend, a port or a spec. */
const FRAMING_BYTES = 16;

const encode = (message: ServerMessage): Uint8Array => clustermesh.v1.ServerMessage.encode(message).finish();

export const encodeHeartbeat = (position: Position | undefined): Uint8Array =>
  encode({ heartbeat: position === undefined ? {} : { position: positionMessage(position) } });

/** The messages of a whole snapshot, each encoded when it is asked for. */
export function* encodeSnapshot(snapshot: MeshSnapshot): Generator<Uint8Array, void> {
  const { position, cluster, services, clusters } = snapshot;
  yield encode({ begin: { position: positionMessage(position), cluster, services: services.size } });
  let chunk: ServiceMessage[] = [];
  let bytes = 0;
  for (const service of services.values()) {
    let backends: ReturnType<typeof backendMessage>[] = [];
    chunk.push({ key: service.key, spec: specMessage(service), backends });
    bytes += sizeOf(service.key, service);
    for (const backend of service.backends) {
      if (bytes >= MESSAGE_BYTES) {
        yield encode({ chunk: { services: chunk } });
        backends = [];
        chunk = [{ key: service.key, backends }];
        bytes = service.key.length;
      }
      backends.push(backendMessage(backend));
      bytes += sizeOf(backend.address + backend.cluster, backend);
    }
    if (bytes >= MESSAGE_BYTES) {
      yield encode({ chunk: { services: chunk } });
      chunk = [];
      bytes = 0;
    }
  }
  if (chunk.length > 0) yield encode({ chunk: { services: chunk } });
  yield encode({ end: { clusters: clusterMessages(clusters) } });
}

/** The messages of a step, nearly always one; each encoded when it is asked for. */
export function* encodeDelta(delta: SnapshotDelta): Generator<Uint8Array, void> {
  const span = { from: positionMessage(delta.from), to: positionMessage(delta.to) };
  let clusters =
    delta.clusters === undefined ? {} : { clusters: clusterMessages(delta.clusters), clustersChanged: true };
  const parts = partsOf(delta);
  let part = parts.next();
  while (part.done !== true) {
    const following = parts.next();
    yield encode({ delta: { ...span, ...part.value, ...clusters, more: following.done !== true } });
    clusters = {};
    part = following;
  }
}

interface DeltaPart {
  readonly changed: ChangeMessage[];
  readonly removed: string[];
}

function* partsOf(delta: SnapshotDelta): Generator<DeltaPart, void> {
  let part: DeltaPart = { changed: [], removed: [] };
  let bytes = 0;
  for (const change of delta.changed) {
    for (const [piece, size] of piecesOf(change)) {
      part.changed.push(piece);
      bytes += size;
      if (bytes < MESSAGE_BYTES) continue;
      yield part;
      part = { changed: [], removed: [] };
      bytes = 0;
    }
  }
  for (const key of delta.removed) {
    part.removed.push(key);
    bytes += key.length + FRAMING_BYTES;
    if (bytes < MESSAGE_BYTES) continue;
    yield part;
    part = { changed: [], removed: [] };
    bytes = 0;
  }
  yield part;
}

/** A change in pieces of about a message's size, with their sizes; the spec is in the first. */
function* piecesOf({ key, spec, upserted, removed }: ServiceDelta): Generator<readonly [ChangeMessage, number], void> {
  let piece = { key, ...(spec === undefined ? {} : { spec: specMessage(spec) }), ...emptyPiece() };
  let bytes = key.length + (spec === undefined ? FRAMING_BYTES : sizeOf('', spec));
  for (const backend of upserted) {
    piece.upserted.push(backendMessage(backend));
    bytes += sizeOf(backend.address + backend.cluster, backend);
    if (bytes < MESSAGE_BYTES) continue;
    yield [piece, bytes];
    piece = { key, ...emptyPiece() };
    bytes = key.length;
  }
  for (const { address, cluster } of removed) {
    piece.removed.push({ address, cluster });
    bytes += address.length + cluster.length + FRAMING_BYTES;
    if (bytes < MESSAGE_BYTES) continue;
    yield [piece, bytes];
    piece = { key, ...emptyPiece() };
    bytes = key.length;
  }
  yield [piece, bytes];
}

const emptyPiece = () => ({
  upserted: [] as ReturnType<typeof backendMessage>[],
  removed: [] as { address: string; cluster: string }[],
});

/** About how many bytes something with these texts, ports and addresses takes. */
function sizeOf(
  texts: string,
  { frontends = [], ports }: { frontends?: readonly string[]; ports: readonly { name: string }[] },
): number {
  let bytes = texts.length + FRAMING_BYTES;
  for (const { name } of ports) bytes += name.length + FRAMING_BYTES;
  for (const frontend of frontends) bytes += frontend.length + 2;
  return bytes;
}

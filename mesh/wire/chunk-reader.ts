// STABLE: the services of a snapshot's chunk (mesh.proto), straight from bytes to values. A snapshot is nearly all chunks, and an
// agent that starts reads it with code that has never run: so there are no messages in between, and what recurs from one
// backend to the next (the cluster, the ports) is told by its bytes and not read again. The same bytes mean the same here as to
// the generated codec, which reads everything else.

import protobuf from 'protobufjs/minimal.js';
import type { ClusterName, ServiceKey } from '../model/names.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Backend, NamedPort } from '../model/service.ts';
import type { ServiceSpec } from '../snapshot/equality.ts';
import { FlatReader } from './flat-reader.ts';
import { clustermesh } from './gen/mesh.js';
import type { ValueReader } from './mesh-values.ts';

export interface ChunkService {
  readonly key: ServiceKey;
  /** Absent where the service goes on from the chunk before. */
  readonly spec: ServiceSpec | undefined;
  readonly backends: Backend[];
}

/** Field number and wire type, as they stand before a value. */
const tagOf = (field: number, wireType: typeof VARINT | typeof BYTES): number => (field << 3) | wireType;
const VARINT = 0;
const BYTES = 2;

const MESSAGE_CHUNK = tagOf(2, BYTES);
const CHUNK_SERVICES = tagOf(1, BYTES);
const SERVICE_KEY = tagOf(1, BYTES);
const SERVICE_SPEC = tagOf(2, BYTES);
const SERVICE_BACKENDS = tagOf(3, BYTES);
const SPEC_FRONTENDS = tagOf(1, BYTES);
const SPEC_PORTS = tagOf(2, BYTES);
const SPEC_CLIENT_IP_TIMEOUT = tagOf(3, VARINT);
const SPEC_CREATED = tagOf(4, VARINT);
const BACKEND_ADDRESS = tagOf(1, BYTES);
const BACKEND_CLUSTER = tagOf(2, BYTES);
const BACKEND_CLUSTER_ID = tagOf(3, VARINT);
const BACKEND_TERMINATING = tagOf(4, VARINT);
const BACKEND_PORTS = tagOf(5, BYTES);

/** More than a backend commonly has ports; what is not among the last is read anew. */
const RECENT_PORTS = 8;
const NO_PORTS: readonly NamedPort[] = [];

/** Why a value of a well-formed message cannot be. */
class Unsound extends Error {}

/** Whether the message is a chunk, and nothing else: as its writer leaves it. */
export function isChunk(message: Uint8Array): boolean {
  if (message[0] !== MESSAGE_CHUNK) return false;
  const reader = protobuf.Reader.create(message);
  try {
    reader.uint32();
    return reader.uint32() === reader.len - reader.pos;
  } catch {
    return false;
  }
}

export class ChunkReader {
  readonly #values: ValueReader;
  /** The cluster that was read last, and the bytes of its name. */
  #cluster: { readonly bytes: Uint8Array; readonly name: ClusterName } | undefined;
  /** The next one to be forgotten first. */
  readonly #recent: { readonly bytes: Uint8Array; readonly port: NamedPort }[] = [];
  readonly #specPorts: LastList;
  readonly #backendPorts: LastList;

  constructor(values: ValueReader) {
    this.#values = values;
    this.#specPorts = new LastList(values);
    this.#backendPorts = new LastList(values);
  }

  /** Of a message that `isChunk`. */
  read(message: Uint8Array): Result<readonly ChunkService[], string> {
    const reader = new FlatReader(message);
    const services: ChunkService[] = [];
    try {
      reader.uint32();
      reader.uint32();
      while (reader.pos < reader.len) {
        const tag = reader.uint32();
        if (tag === CHUNK_SERVICES) services.push(this.#service(reader));
        else reader.skipType(tag & 7, 0, tag >>> 3);
      }
    } catch (error) {
      if (error instanceof Unsound) return err(error.message);
      return err(`not a server message: ${error instanceof Error ? error.message : String(error)}`);
    }
    return ok(services);
  }

  #service(reader: protobuf.Reader): ChunkService {
    const outer = enter(reader);
    let key = '';
    let spec: ServiceSpec | undefined;
    const backends: Backend[] = [];
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === SERVICE_BACKENDS) backends.push(this.#backend(reader));
      else if (tag === SERVICE_KEY) key = reader.stringVerify();
      else if (tag === SERVICE_SPEC) spec = this.#spec(reader);
      else reader.skipType(tag & 7, 0, tag >>> 3);
    }
    reader.len = outer;
    return { key: sound(this.#values.key(key)), spec, backends };
  }

  #spec(reader: protobuf.Reader): ServiceSpec {
    const outer = enter(reader);
    const frontends: string[] = [];
    const ports: NamedPort[] = [];
    const message = { frontends, clientIpTimeoutSeconds: 0, createdSeconds: 0 };
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === SPEC_FRONTENDS) frontends.push(reader.stringVerify());
      else if (tag === SPEC_PORTS) ports.push(this.#port(reader));
      else if (tag === SPEC_CLIENT_IP_TIMEOUT) message.clientIpTimeoutSeconds = reader.uint32();
      else if (tag === SPEC_CREATED) message.createdSeconds = reader.uint32();
      else reader.skipType(tag & 7, 0, tag >>> 3);
    }
    reader.len = outer;
    return sound(this.#values.specWith(this.#specPorts.of(ports), message));
  }

  #backend(reader: protobuf.Reader): Backend {
    const outer = enter(reader);
    let address = '';
    let cluster: ClusterName | undefined;
    let clusterId = 0;
    let terminating = false;
    let ports: NamedPort[] | undefined;
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === BACKEND_ADDRESS) address = reader.stringVerify();
      else if (tag === BACKEND_CLUSTER) cluster = this.#clusterName(reader);
      else if (tag === BACKEND_CLUSTER_ID) clusterId = reader.uint32();
      else if (tag === BACKEND_PORTS) {
        ports ??= [];
        ports.push(this.#port(reader));
      } else if (tag === BACKEND_TERMINATING) terminating = reader.bool();
      else reader.skipType(tag & 7, 0, tag >>> 3);
    }
    reader.len = outer;
    return {
      address: sound(this.#values.backendAddress(address)),
      cluster: cluster ?? sound(this.#values.clusterName('')),
      clusterId: sound(this.#values.clusterId(clusterId)),
      state: terminating ? 'terminating' : 'active',
      ports: this.#backendPorts.of(ports ?? NO_PORTS),
    };
  }

  #clusterName(reader: protobuf.Reader): ClusterName {
    const from = reader.pos;
    const outer = enter(reader);
    const { buf, pos, len } = reader;
    reader.len = outer;
    const known = this.#cluster;
    if (known !== undefined && isAt(known.bytes, buf, pos, len)) {
      reader.pos = len;
      return known.name;
    }
    reader.pos = from;
    const name = sound(this.#values.clusterName(reader.stringVerify()));
    this.#cluster = { bytes: copyOf(buf, pos, len), name };
    return name;
  }

  #port(reader: protobuf.Reader): NamedPort {
    const outer = enter(reader);
    const { buf, pos, len } = reader;
    for (const { bytes, port } of this.#recent) {
      if (!isAt(bytes, buf, pos, len)) continue;
      reader.pos = len;
      reader.len = outer;
      return port;
    }
    const port = sound(this.#values.port(clustermesh.v1.Port.decode(reader, len - pos)));
    reader.len = outer;
    if (this.#recent.length === RECENT_PORTS) this.#recent.shift();
    this.#recent.push({ bytes: copyOf(buf, pos, len), port });
    return port;
  }
}

/** Keeps the list that came last: its ports are commonly the very objects of the next. */
class LastList {
  readonly #values: ValueReader;
  #list: readonly NamedPort[] = [];

  constructor(values: ValueReader) {
    this.#values = values;
  }

  of(ports: readonly NamedPort[]): readonly NamedPort[] {
    const last = this.#list;
    if (ports.length === last.length && ports.every((port, at) => port === last[at])) return last;
    this.#list = this.#values.portList(ports);
    return this.#list;
  }
}

/** Into a value that is as long as it says; returns where what is around it ends. */
function enter(reader: protobuf.Reader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError('index out of range');
  const outer = reader.len;
  reader.len = end;
  return outer;
}

function sound<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new Unsound(result.error);
}

function isAt(bytes: Uint8Array, buffer: Uint8Array, start: number, end: number): boolean {
  if (bytes.length !== end - start) return false;
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] !== buffer[start + at]) return false;
  return true;
}

/** The bytes alone: a part of a buffer would keep all of it. */
const copyOf = (buffer: Uint8Array, start: number, end: number): Uint8Array =>
  Uint8Array.from(buffer.subarray(start, end));

// STABLE: the methods of etcd's v3 API that are spoken here, each as one grpc-js method definition: path, codecs, kind of
// stream. The client (connection.ts) and the door's server use the same objects, so both sides agree by construction.
// The codecs are generated from etcd.proto. No behaviour lives here.

import type { MethodDefinition } from '@grpc/grpc-js';
import type { Reader, Writer } from 'protobufjs/minimal.js';
import { etcdserverpb as pb } from './gen/etcd.js';
import { SmallNumberReader } from './small-numbers.ts';

/** One message type: what `encode` takes and what `decode` gives. */
interface Codec<In, Out> {
  encode(message: In): Writer;
  decode(bytes: Reader | Uint8Array): Out;
}

interface MethodKind {
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

const UNARY: MethodKind = { requestStream: false, responseStream: false };
const DUPLEX: MethodKind = { requestStream: true, responseStream: true };

/** `finish` gives a Buffer under Node; wrapping its memory costs no copy and satisfies grpc-js' types. */
function bufferOf(writer: Writer): Buffer {
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function method<Req, ReqOut extends Req, Res, ResOut extends Res>(
  path: string,
  kind: MethodKind,
  request: Codec<Req, ReqOut>,
  response: Codec<Res, ResOut>,
): MethodDefinition<Req, Res> {
  return {
    path,
    ...kind,
    requestSerialize: (message) => bufferOf(request.encode(message)),
    requestDeserialize: (bytes) => request.decode(bytes),
    responseSerialize: (message) => bufferOf(response.encode(message)),
    responseDeserialize: (bytes) => response.decode(new SmallNumberReader(bytes)),
  };
}

export const EtcdWire = {
  range: method('/etcdserverpb.KV/Range', UNARY, pb.RangeRequest, pb.RangeResponse),
  put: method('/etcdserverpb.KV/Put', UNARY, pb.PutRequest, pb.PutResponse),
  deleteRange: method('/etcdserverpb.KV/DeleteRange', UNARY, pb.DeleteRangeRequest, pb.DeleteRangeResponse),
  txn: method('/etcdserverpb.KV/Txn', UNARY, pb.TxnRequest, pb.TxnResponse),
  watch: method('/etcdserverpb.Watch/Watch', DUPLEX, pb.WatchRequest, pb.WatchResponse),
  leaseGrant: method('/etcdserverpb.Lease/LeaseGrant', UNARY, pb.LeaseGrantRequest, pb.LeaseGrantResponse),
  leaseRevoke: method('/etcdserverpb.Lease/LeaseRevoke', UNARY, pb.LeaseRevokeRequest, pb.LeaseRevokeResponse),
  leaseKeepAlive: method(
    '/etcdserverpb.Lease/LeaseKeepAlive',
    DUPLEX,
    pb.LeaseKeepAliveRequest,
    pb.LeaseKeepAliveResponse,
  ),
  status: method('/etcdserverpb.Maintenance/Status', UNARY, pb.StatusRequest, pb.StatusResponse),
} as const;

/** The messages, for those who build or read them. */
export type { etcdserverpb as messages } from './gen/etcd.js';

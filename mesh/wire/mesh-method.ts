// STABLE: the methods between agents and mesh API servers, as gRPC method definitions that both sides use. They move bytes:
// reading them is up to mesh-reader.ts and agent-message.ts, which answer with a reason instead of throwing inside gRPC, and a
// message that was encoded once can be sent to many.

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const SUBSCRIBE = {
  path: '/clustermesh.v1.Mesh/Subscribe',
  requestStream: true,
  responseStream: true,
  requestSerialize: asBuffer,
  requestDeserialize: (bytes: Buffer): Uint8Array => bytes,
  responseSerialize: asBuffer,
  responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
} as const;

export const FOLLOW_ADDRESSES = {
  ...SUBSCRIBE,
  path: '/clustermesh.v1.Mesh/FollowAddresses',
  requestStream: false,
} as const;

/** Whose the addresses of peers' pods are is told on a stream of its own. */
export const ADDRESS_STREAM = 'address-stream';
/** An agent tells on its stream which certificate it shows and which authorities it accepts. */
export const TOLD_CERTIFICATES = 'told-certificates';

/** A server that has nothing else to say says so this often; see SILENCE_MS. */
export const HEARTBEAT_MS = 2_000;
/** An agent that hears nothing for this long takes the server for gone: three beats may be lost or late. */
export const SILENCE_MS = 3.5 * HEARTBEAT_MS;

// STABLE: how agents learn whose the addresses of peers' pods are (mesh.proto): a request, and steps, from values to bytes and back.
// Reading is strict: what passes here reaches a kernel's map and a user's eye. It never throws.

import { parseAddress } from '../model/address.ts';
import { type ClusterName, type IpAddress, isDnsSubdomain, parseClusterName } from '../model/names.ts';
import type { PeerAddress, PeerAddressRef, PeerNode, PeerNodeRef } from '../model/peer-address.ts';
import { type Prefix, parsePrefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Position } from '../snapshot/snapshot.ts';
import { FlatReader } from './flat-reader.ts';
import { clustermesh } from './gen/mesh.js';
import { parsePosition, positionMessage } from './mesh-values.ts';

export interface AddressChanges {
  readonly addresses: readonly PeerAddress[];
  readonly removed: readonly PeerAddressRef[];
  readonly nodes: readonly PeerNode[];
  readonly removedNodes: readonly PeerNodeRef[];
}

/** One message of a step. */
export interface AddressesPart extends AddressChanges {
  readonly to: Position;
  readonly whole: boolean;
  readonly more: boolean;
}

export interface FollowAddressesRequest {
  readonly node: string;
  readonly protocol: number;
  readonly resume: Position | undefined;
}

/** What one part has at most. Their records are read and the message is written in one turn: a millisecond or two. */
export const ADDRESSES_PER_MESSAGE = 200;
/** A namespace and a name of Kubernetes, and the slash. */
const POD_LENGTH_MAX = 317;
const KEY_INDEX_MAX = 255;
const NODE_ADDRESSES_MAX = 64;

export function encodeFollowAddresses({ node, protocol, resume }: FollowAddressesRequest): Uint8Array {
  const position = resume === undefined ? {} : { resume: positionMessage(resume) };
  return clustermesh.v1.FollowAddressesRequest.encode({ node, protocol, ...position }).finish();
}

export function parseFollowAddresses(bytes: Uint8Array): Result<FollowAddressesRequest, string> {
  const read = decoded(() => clustermesh.v1.FollowAddressesRequest.decode(bytes));
  if (!read.ok) return read;
  const { node, protocol, resume } = read.value;
  if (!isDnsSubdomain(node ?? '')) return err('node is not an RFC 1123 subdomain');
  const position = resume ? parsePosition(resume) : ok(undefined);
  return position.ok ? ok({ node: node ?? '', protocol: protocol ?? 0, resume: position.value }) : position;
}

/** The messages of a step, one for each part and one at least; each encoded when it is asked for. */
export function* encodeAddresses(
  to: Position,
  whole: boolean,
  parts: Iterable<AddressChanges>,
): Generator<Uint8Array, void> {
  const rest = parts[Symbol.iterator]();
  let part = rest.next();
  for (let first = true; first || part.done !== true; first = false) {
    const { addresses, removed, nodes, removedNodes } = part.done === true ? NOTHING : part.value;
    part = rest.next();
    const step: clustermesh.v1.AddressesStep.$Properties = {
      to: positionMessage(to),
      whole: whole && first,
      more: part.done !== true,
      addresses: addresses.map(addressMessage),
      removed: removed.map(refMessage),
      nodes: nodes.map(nodeMessage),
      removedNodes: [...removedNodes],
    };
    yield clustermesh.v1.AddressesStep.encode(step).finish();
  }
}

const NOTHING: AddressChanges = { addresses: [], removed: [], nodes: [], removedNodes: [] };

const nodeMessage = ({ cluster, name, addresses }: PeerNode) => ({ cluster, name, addresses: [...addresses] });
const refMessage = ({ cluster, prefix }: PeerAddressRef) => ({ cluster, prefix });
const addressMessage = ({ cluster, prefix, identity, host, keyIndex, pod }: PeerAddress) => ({
  cluster,
  prefix,
  identity,
  key: keyIndex,
  ...(host === undefined ? {} : { host }),
  ...(pod === undefined ? {} : { pod }),
});

export function parseAddressesPart(bytes: Uint8Array): Result<AddressesPart, string> {
  const read = decoded(() => clustermesh.v1.AddressesStep.decode(new FlatReader(bytes)));
  if (!read.ok) return read;
  const message = read.value;
  const to = parsePosition(message.to);
  if (!to.ok) return to;
  const names: Names = { cluster: remembering(parseCluster), host: remembering(parseAddress) };
  const addresses = each(message.addresses, (one) => parsePeerAddress(one, names));
  if (!addresses.ok) return addresses;
  const removed = each(message.removed, (one) => parseRef(one, names));
  if (!removed.ok) return removed;
  const nodes = each(message.nodes, (one) => parseNode(one, names));
  if (!nodes.ok) return nodes;
  const removedNodes = each(message.removedNodes, (one) => parseNodeRef(one, names));
  if (!removedNodes.ok) return removedNodes;
  return ok({
    to: to.value,
    whole: message.whole === true,
    more: message.more === true,
    addresses: addresses.value,
    removed: removed.value,
    nodes: nodes.value,
    removedNodes: removedNodes.value,
  });
}

/** The texts that come with nearly every address of a message: read once, and kept once by all who hold what was read. */
interface Names {
  readonly cluster: (text: string) => Result<ClusterName, string>;
  readonly host: (text: string) => Result<IpAddress, string>;
}

function remembering<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      value = parse(text);
      known.set(text, value);
    }
    return value;
  };
}

function parsePeerAddress(message: clustermesh.v1.PeerAddress.$Properties, names: Names): Result<PeerAddress, string> {
  const ref = parseRef(message, names);
  if (!ref.ok) return ref;
  const { identity = 0, key: keyIndex = 0, host = '', pod = '' } = message;
  if (!identity) return err(`${ref.value.prefix}: no identity`);
  if ((keyIndex ?? 0) > KEY_INDEX_MAX) return err(`${ref.value.prefix}: key ${keyIndex}`);
  if ((pod ?? '').length > POD_LENGTH_MAX) return err(`${ref.value.prefix}: a pod's name is too long`);
  const node: Result<IpAddress | undefined, string> = host ? names.host(host) : ok(undefined);
  if (!node.ok) return err(`${ref.value.prefix}: its node ${node.error}`);
  // Written out: a spread would give each address a shape of its own.
  const { cluster, prefix } = ref.value;
  return ok({ cluster, prefix, identity, host: node.value, keyIndex: keyIndex ?? 0, pod: pod || undefined });
}

function parseRef(message: clustermesh.v1.PeerAddressRef.$Properties, names: Names): Result<PeerAddressRef, string> {
  const cluster = names.cluster(message.cluster ?? '');
  if (!cluster.ok) return cluster;
  const prefix: Result<{ readonly prefix: Prefix; readonly hostBits: boolean }, string> = parsePrefix(
    message.prefix ?? '',
  );
  if (!prefix.ok) return err(`prefix ${prefix.error}`);
  if (prefix.value.hostBits) return err(`prefix ${message.prefix} has bits behind its length`);
  return ok({ cluster: cluster.value, prefix: prefix.value.prefix.text });
}

function parseNode(message: clustermesh.v1.PeerNode.$Properties, names: Names): Result<PeerNode, string> {
  const ref = parseNodeRef(message, names);
  if (!ref.ok) return ref;
  const texts = message.addresses ?? [];
  if (texts.length > NODE_ADDRESSES_MAX) return err(`node ${ref.value.name} has ${texts.length} addresses`);
  const addresses = each(texts, parseAddress);
  return addresses.ok ? ok({ ...ref.value, addresses: addresses.value }) : addresses;
}

function parseNodeRef(message: clustermesh.v1.PeerNodeRef.$Properties, names: Names): Result<PeerNodeRef, string> {
  const cluster = names.cluster(message.cluster ?? '');
  if (!cluster.ok) return cluster;
  const name = message.name ?? '';
  return isDnsSubdomain(name) ? ok({ cluster: cluster.value, name }) : err('a node without a name');
}

function parseCluster(text: string): Result<ClusterName, string> {
  const cluster = parseClusterName(text);
  return cluster.ok ? cluster : err(`cluster name ${cluster.error}`);
}

function each<From, To>(
  values: readonly From[] | null | undefined,
  parse: (value: From) => Result<To, string>,
): Result<readonly To[], string> {
  const parsed: To[] = [];
  for (const value of values ?? []) {
    const one = parse(value);
    if (!one.ok) return one;
    parsed.push(one.value);
  }
  return ok(parsed);
}

function decoded<T>(decode: () => T): Result<T, string> {
  try {
    return ok(decode());
  } catch (error) {
    return err(`not a message of addresses: ${error instanceof Error ? error.message : String(error)}`);
  }
}

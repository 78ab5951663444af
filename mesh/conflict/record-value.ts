// What the rules need to know of a stored value, whatever its kind: which addresses it uses and as what, which identity it carries,
// what shape a service has and how it is exported. A digest, because a mesh has millions of records: whoever needs the value itself decodes the bytes
// again. The formats belong to mesh/wire; rewriting a value is record-parts.ts.

import { parseAddress } from '../model/address.ts';
import { type IpAddress, type ServiceKey, serviceKey } from '../model/names.ts';
import { type Prefix, parsePrefix, singlePrefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type ClusterServiceRecord, clusterServiceKind } from '../wire/cluster-service.ts';
import { identityKind, parseIdentityNumber } from '../wire/identity.ts';
import { type IpIdentityRecord, ipIdentityKind, ipPrefix, singleAddress } from '../wire/ip-identity.ts';
import { allocationPrefixes, NODE_ENDPOINT_FIELDS, nodeKind } from '../wire/node.ts';
import { readPlainSlice } from '../wire/plain-slice.ts';
import { misfit, type RecordContext, type RecordKind, type RecordProblem, VALUE_BYTES_MAX } from '../wire/record.ts';
import { serviceHeadKind } from '../wire/service-head.ts';
import { serviceSliceKind, sliceNamingProblems } from '../wire/service-slice.ts';
import { serviceSpecKind } from '../wire/service-spec.ts';
import { isStateKey, kindOfKey, statePrefix } from '../wire/state-keys.ts';
import { type ServiceShape, serviceShape } from './service.ts';
import { type SpecTraits, specTraits } from './spec-traits.ts';

export type RecordValue =
  | {
      readonly kind: 'services';
      readonly key: ServiceKey;
      /** Undefined for a service that its cluster does not share. */
      readonly shape: ServiceShape | undefined;
      /** Canonical addresses. */
      readonly backends: readonly IpAddress[];
    }
  /** A service without its backends, and backends of one that belong to the same: docs/decisions/0013-services-in-pieces.md. */
  | { readonly kind: 'heads'; readonly key: ServiceKey; readonly shape: ServiceShape | undefined }
  | { readonly kind: 'slices'; readonly key: ServiceKey; readonly backends: readonly IpAddress[] }
  | {
      readonly kind: 'nodes';
      readonly addresses: readonly IpAddress[];
      /** Of the node's own endpoints. */
      readonly endpoints: readonly IpAddress[];
      /** Canonical ranges. */
      readonly allocations: readonly string[];
    }
  /** Its labels are all that its bytes say: identityLabels. */
  | { readonly kind: 'identities'; readonly number: number }
  | {
      readonly kind: 'ip';
      readonly identity: number;
      /** A canonical address, or a canonical range. */
      readonly text: string;
    }
  | {
      readonly kind: 'specs';
      /** As the record's key names it. */
      readonly key: ServiceKey;
      readonly traits: SpecTraits;
    };

/** A value that has the form of its kind. */
export interface ReadRecord {
  readonly value: RecordValue;
  /** The cluster id that it carries; only services and nodes carry one. */
  readonly clusterId: number | undefined;
  /** What does not fit the key, the cluster, or the rules of single values. */
  readonly problems: (context: RecordContext) => readonly RecordProblem[];
}

/** Records of Cilium's own identity allocation: bookkeeping of one cluster, nothing that peers read. */
const NOT_FOR_PEERS = [`${statePrefix('identities')}value/`, `${statePrefix('identities')}locks/`];

export function kindOfRecord(key: string): RecordValue['kind'] | undefined {
  const kind = isStateKey(key) ? kindOfKey(key) : undefined;
  return kind === 'identities' && NOT_FOR_PEERS.some((prefix) => key.startsWith(prefix)) ? undefined : kind;
}

type Reader = (key: string, bytes: Uint8Array) => Result<ReadRecord, RecordProblem>;

const READERS: Readonly<Record<RecordValue['kind'], Reader>> = {
  services: (_, bytes) =>
    decoded(clusterServiceKind, bytes, (service) => {
      const backends = canonical(Object.keys(service.backends));
      const value: RecordValue = { kind: 'services', ...keyAndShape(service), backends };
      return ok({ value, clusterId: service.clusterID });
    }),
  heads: (_, bytes) =>
    decoded(serviceHeadKind, bytes, (head) =>
      ok({ value: { kind: 'heads', ...keyAndShape(head) }, clusterId: head.clusterID }),
    ),
  slices: (_, bytes) =>
    plainSlice(bytes) ??
    decoded(serviceSliceKind, bytes, ({ namespace, name, backends, clusterID }) => {
      const key = serviceKey(namespace, name);
      const value: RecordValue = { kind: 'slices', key, backends: canonical(Object.keys(backends)) };
      return ok({ value, clusterId: clusterID });
    }),
  nodes: (_, bytes) =>
    decoded(nodeKind, bytes, (node) => {
      const addresses = canonical((node.IPAddresses ?? []).map(({ IP }) => IP));
      const endpoints = canonical(NODE_ENDPOINT_FIELDS.map((field) => node[field]));
      const allocations = [...new Set(allocationPrefixes(node).map(({ text }) => text))];
      return ok({ value: { kind: 'nodes', addresses, endpoints, allocations }, clusterId: node.ClusterID });
    }),
  identities: (key, bytes) =>
    decoded(identityKind, bytes, () => {
      const parts = identityKind.parseKey(key);
      const number = parts.ok ? parseIdentityNumber(parts.value.suffix) : undefined;
      if (number === undefined) return err(misfit('key', 'names no identity number'));
      return ok({ value: { kind: 'identities', number }, clusterId: undefined });
    }),
  ip: (_, bytes) =>
    decoded(ipIdentityKind, bytes, (ip) => {
      const text = singleAddress(ip) ?? rangeOrAddress(ip);
      if (!text.ok) return err(misfit('IP', text.error));
      const value: RecordValue = { kind: 'ip', identity: ip.ID, text: text.value };
      return ok({ value, clusterId: undefined });
    }),
  specs: (key, bytes) =>
    decoded(serviceSpecKind, bytes, (spec) => {
      const parts = serviceSpecKind.parseKey(key);
      if (!parts.ok) return err(misfit('key', parts.error));
      const value: RecordValue = { kind: 'specs', key: parts.value.suffix as ServiceKey, traits: specTraits(spec) };
      return ok({ value, clusterId: undefined });
    }),
};

function plainSlice(bytes: Uint8Array): Result<ReadRecord, RecordProblem> | undefined {
  const slice = readPlainSlice(bytes);
  if (slice === undefined) return undefined;
  const key = serviceKey(slice.namespace, slice.name);
  return ok({
    value: { kind: 'slices', key, backends: slice.backends.map(({ name }) => name) },
    clusterId: slice.clusterID,
    problems: (context) => sliceNamingProblems(slice, context),
  });
}

function keyAndShape(service: ClusterServiceRecord): { key: ServiceKey; shape: ServiceShape | undefined } {
  const ports = Object.values(service.frontends).flatMap((byName) => Object.entries(byName));
  const shape = serviceShape(ports.map(([name, { Protocol, Port }]) => ({ name, port: `${Protocol}/${Port}` })));
  return { key: serviceKey(service.namespace, service.name), shape: service.shared ? shape : undefined };
}

/** Form only; whether it fits its cluster is asked of the result. */
export function readRecord(
  kind: RecordValue['kind'],
  key: string,
  bytes: Uint8Array,
): Result<ReadRecord, RecordProblem> {
  if (bytes.length <= VALUE_BYTES_MAX) return READERS[kind](key, bytes);
  return err(misfit('value', `${bytes.length} bytes are more than the limit of ${VALUE_BYTES_MAX}`));
}

function decoded<T>(
  kind: RecordKind<T>,
  bytes: Uint8Array,
  digest: (value: T) => Result<Omit<ReadRecord, 'problems'>, RecordProblem>,
): Result<ReadRecord, RecordProblem> {
  const read = kind.decode(bytes);
  if (!read.ok) return err(misfit('value', read.error));
  const digested = digest(read.value);
  if (!digested.ok) return digested;
  const { value, clusterId } = digested.value;
  return ok({ value, clusterId, problems: (context) => kind.validate(read.value, context) });
}

const NONE: readonly never[] = [];

/** Each address once; what cannot be read is the validator's business and left out. */
function canonical(texts: readonly string[]): readonly IpAddress[] {
  const addresses = new Set<IpAddress>();
  for (const text of texts) {
    const parsed = text === '' ? undefined : parseAddress(text);
    if (parsed?.ok === true) addresses.add(parsed.value);
  }
  return addresses.size === 0 ? NONE : [...addresses];
}

/** The number of an identity, or the one that an endpoint carries. */
export function identityOf(value: RecordValue): number | undefined {
  if (value.kind === 'identities') return value.number;
  return value.kind === 'ip' ? value.identity : undefined;
}

/** Of the bytes of an identity that was read before. */
export function identityLabels(bytes: Uint8Array): readonly string[] {
  const identity = identityKind.decode(bytes);
  return identity.ok ? identity.value.labels : NONE;
}

export const backendsOf = (value: RecordValue): readonly IpAddress[] =>
  value.kind === 'services' || value.kind === 'slices' ? value.backends : NONE;

/** An address, or a range of them, in the place where a value uses it. */
export interface AddressUse {
  readonly role: 'endpoint' | 'node' | 'allocation' | 'backend';
  readonly prefix: Prefix;
  /** An address without its length, a range with it. */
  readonly text: string;
}

export function addressUses(value: RecordValue): readonly AddressUse[] {
  switch (value.kind) {
    case 'services':
    case 'slices':
      return value.backends.map((address) => single('backend', address));
    case 'nodes':
      return [
        ...value.addresses.map((address) => single('node', address)),
        ...value.endpoints.map((address) => single('endpoint', address)),
        ...value.allocations.flatMap((text) => range('allocation', text)),
      ];
    case 'ip':
      return value.text.includes('/') ? range('endpoint', value.text) : [single('endpoint', value.text as IpAddress)];
    case 'identities':
    case 'specs':
    case 'heads':
      return [];
  }
}

const single = (role: AddressUse['role'], address: IpAddress): AddressUse => ({
  role,
  prefix: singlePrefix(address),
  text: address,
});

function range(role: AddressUse['role'], text: string): readonly AddressUse[] {
  const parsed = parsePrefix(text);
  return parsed.ok ? [{ role, prefix: parsed.value.prefix, text }] : [];
}

/** A range of one address is that address. */
function rangeOrAddress(ip: IpIdentityRecord): Result<string, string> {
  const prefix = ipPrefix(ip);
  if (!prefix.ok) return prefix;
  const { family, length, text } = prefix.value;
  return ok(length === (family === 4 ? 32 : 128) ? text.slice(0, text.indexOf('/')) : text);
}

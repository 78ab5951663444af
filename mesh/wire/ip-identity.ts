// STABLE: `cilium/state/ip/v1/default/<address>` or `…/<address>/<length>`, JSON IPIdentityPair: which identity an address has,
// and on which node it is. Both known shapes are read: with `Mask` (Cilium 1.20.0), and without it but with `K8sPodUID`.

import { parseAddress } from '../model/address.ts';
import { identityRange, inRange, PEER_RESERVED_IDENTITIES, RESERVED_IDENTITY_END } from '../model/identity.ts';
import type { IpAddress } from '../model/names.ts';
import { type Prefix, parsePrefix, singlePrefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import {
  decodeShaped,
  encodeShaped,
  list,
  object,
  omitEmpty,
  optional,
  required,
  text,
  whole,
  withZeros,
} from './json-shape.ts';
import { networkPrefix } from './node.ts';
import { PLAIN, PLAIN_WHOLE, textOf } from './plain-text.ts';
import {
  misfit,
  PORT_MAX,
  type RecordContext,
  type RecordKind,
  type RecordProblem,
  UINT32_MAX,
  VALUE_BYTES_MAX,
} from './record.ts';
import { KEY_LAYOUTS, parseRecordKey, recordKeys, stateKey } from './state-keys.ts';

export interface NamedPortValue {
  readonly Name: string;
  readonly Port: number;
  readonly Protocol: string;
}

export interface IpIdentityRecord {
  readonly IP: string;
  /** Base64; null for a single address. Absent in the newer shape. */
  readonly Mask?: string | null;
  readonly HostIP: string;
  readonly ID: number;
  readonly Key: number;
  readonly Metadata: string;
  readonly K8sNamespace?: string;
  readonly K8sPodName?: string;
  readonly K8sPodUID?: string;
  readonly K8sServiceAccount?: string;
  readonly NamedPorts?: readonly NamedPortValue[];
}

/** An encryption key index is a byte. */
const KEY_INDEX_MAX = 255;
const SHAPE = object({
  IP: required(text),
  Mask: optional(text),
  HostIP: optional(text),
  ID: required(whole(UINT32_MAX)),
  Key: optional(whole(KEY_INDEX_MAX)),
  Metadata: optional(text),
  K8sNamespace: omitEmpty(text),
  K8sPodName: omitEmpty(text),
  K8sPodUID: omitEmpty(text),
  K8sServiceAccount: omitEmpty(text),
  NamedPorts: omitEmpty(
    list(object({ Name: required(text), Port: required(whole(PORT_MAX)), Protocol: required(text) })),
  ),
});
const LAYOUT = KEY_LAYOUTS.ip;

/** `address` may be a range, `<address>/<length>`. */
export const ipKey = (address: string): string => stateKey(LAYOUT, '', address);
const BEFORE_ADDRESS = ipKey('');
/** The other way round, of a key that is known to be one. */
export const addressInKey = (key: string): string => key.slice(BEFORE_ADDRESS.length);
/** Whether it is the key of the address. Makes no text: it is asked of every endpoint. */
export const isKeyOfAddress = (key: string, address: string): boolean =>
  key.length === BEFORE_ADDRESS.length + address.length && key.endsWith(address) && key.startsWith(BEFORE_ADDRESS);

export const ipIdentityKind: RecordKind<IpIdentityRecord> = {
  ...recordKeys(LAYOUT),
  decode(bytes) {
    const plain = readPlainIpIdentity(bytes);
    return plain === undefined ? decodeIpIdentity(bytes) : ok(plain);
  },
  encode: (value) => encodeShaped(value, SHAPE),
  validate,
};

const plainField = (name: string): string => `"${name}":"(${PLAIN})"`;
const ifAny = (field: string): string => `(?:,${field})?`;
const NAMED_PORT = `\\{"Name":"${PLAIN}","Port":${PLAIN_WHOLE},"Protocol":"${PLAIN}"\\}`;

const PAIR = new RegExp(
  `^\\{${plainField('IP')}(,"Mask":null)?,${plainField('HostIP')},"ID":(${PLAIN_WHOLE}),"Key":(\\d|[1-9]\\d),${plainField('Metadata')}` +
    ['K8sNamespace', 'K8sPodName', 'K8sPodUID', 'K8sServiceAccount'].map((name) => ifAny(plainField(name))).join('') +
    `${ifAny(`"NamedPorts":(\\[${NAMED_PORT}(?:,${NAMED_PORT})*\\])`)}\\}$`,
);

/**
 * As Cilium and our own publisher write it (plain-text.ts): there are as many as there are endpoints in a mesh. Undefined for what is
 * written in another way, or is no such value. Nobody keeps its texts: one of 13 characters or more would keep the whole (`ownText`).
 */
export function readPlainIpIdentity(bytes: Uint8Array): IpIdentityRecord | undefined {
  if (bytes.length > VALUE_BYTES_MAX) return undefined;
  const found = PAIR.exec(textOf(bytes));
  if (found === null) return undefined;
  const [, IP = '', mask, HostIP = '', id, key, Metadata = '', namespace, pod, uid, account, ports] = found;
  const value: { -readonly [K in keyof IpIdentityRecord]: IpIdentityRecord[K] } =
    mask === undefined
      ? { IP, HostIP, ID: Number(id), Key: Number(key), Metadata }
      : { IP, Mask: null, HostIP, ID: Number(id), Key: Number(key), Metadata };
  if (namespace !== undefined) value.K8sNamespace = namespace;
  if (pod !== undefined) value.K8sPodName = pod;
  if (uid !== undefined) value.K8sPodUID = uid;
  if (account !== undefined) value.K8sServiceAccount = account;
  if (ports === undefined) return value;
  const named: readonly NamedPortValue[] = JSON.parse(ports);
  return named.every(({ Port }) => Port <= PORT_MAX) ? { ...value, NamedPorts: named } : undefined;
}

/** However it is written. */
export function decodeIpIdentity(bytes: Uint8Array): Result<IpIdentityRecord, string> {
  const read = decodeShaped(bytes, SHAPE, VALUE_BYTES_MAX);
  return read.ok ? ok(withZeros(read.value, ZEROS) as unknown as IpIdentityRecord) : read;
}

/** `Mask` is not among them: its absence tells the newer shape. */
const ZEROS = { HostIP: '', Key: 0, Metadata: '' };

/** The address that the entry is for, where it is for one and written as such: nearly always, and read without a range then. */
export function singleAddress(value: IpIdentityRecord): Result<IpAddress, string> | undefined {
  return typeof value.Mask === 'string' || value.IP.includes('/') ? undefined : parseAddress(value.IP);
}

/** The range that the entry is for: a single address as /32 or /128. */
export function ipPrefix(value: IpIdentityRecord): Result<Prefix, string> {
  if (typeof value.Mask === 'string') return networkPrefix({ IP: value.IP, Mask: value.Mask });
  // The newer shape writes a range into IP itself.
  if (value.IP.includes('/')) {
    const range = parsePrefix(value.IP);
    if (!range.ok) return range;
    return range.value.hostBits ? err('has bits behind its length') : ok(range.value.prefix);
  }
  const address = parseAddress(value.IP);
  return address.ok ? ok(singlePrefix(address.value)) : address;
}

function rangeText(value: IpIdentityRecord): Result<string, string> {
  const prefix = ipPrefix(value);
  return prefix.ok ? ok(prefix.value.text) : prefix;
}

function validate(value: IpIdentityRecord, context: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, context.key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const { cluster, suffix } = parts.value;
  if (cluster !== undefined && cluster !== context.cluster) {
    return [misfit('key', `names cluster ${cluster}, not ${context.cluster}`)];
  }
  const problems = addressProblems(value, suffix);
  return problems.length === 0
    ? identityProblems(value.ID, context)
    : [...problems, ...identityProblems(value.ID, context)];
}

function addressProblems(value: IpIdentityRecord, suffix: string): readonly RecordProblem[] {
  const problems: RecordProblem[] = [];
  const named = singleAddress(value) ?? rangeText(value);
  if (!named.ok) problems.push(misfit('IP', `"${value.IP}": ${named.error}`));
  else if (suffix !== named.value) problems.push(misfit('IP', `is ${named.value}, the key names ${suffix}`));
  const host = value.HostIP ?? '';
  const parsed = host === '' ? ok(undefined) : parseAddress(host);
  if (!parsed.ok) problems.push(misfit('HostIP', `"${host}": ${parsed.error}`));
  return problems;
}

function identityProblems(
  identity: number,
  { clusterId, maxConnectedClusters }: RecordContext,
): readonly RecordProblem[] {
  if (identity < RESERVED_IDENTITY_END) {
    if (PEER_RESERVED_IDENTITIES.has(identity)) return [];
    const reason = `${identity} is a reserved identity that no peer may assert`;
    return [{ code: 'CM-IDENT-002', field: 'ID', reason }];
  }
  const range = identityRange(clusterId, maxConnectedClusters);
  if (inRange(range, identity)) return [];
  const reason = `${identity} is outside the cluster's range ${range.min} to ${range.max}`;
  return [{ code: 'CM-IDENT-001', field: 'ID', reason }];
}

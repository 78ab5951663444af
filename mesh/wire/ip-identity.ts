// STABLE: `cilium/state/ip/v1/default/<address>` or `…/<address>/<length>`, JSON IPIdentityPair: which identity an address has,
// and on which node it is. Both known shapes are read: with `Mask` (Cilium 1.20.0), and without it but with `K8sPodUID`.

import { parseAddress } from '../model/address.ts';
import { identityRange, inRange, PEER_RESERVED_IDENTITIES, RESERVED_IDENTITY_END } from '../model/identity.ts';
import { type Prefix, parsePrefix } from '../model/prefix.ts';
import { err, ok, type Result } from '../model/result.ts';
import { checkFields, decodeObject, encodeObject } from './json.ts';
import { networkPrefix } from './node.ts';
import { misfit, type RecordContext, type RecordKind, type RecordProblem, VALUE_BYTES_MAX } from './record.ts';
import { cacheKey, KEY_LAYOUTS, parseRecordKey, stateKey, statePrefix } from './state-keys.ts';

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

const LAYOUT = KEY_LAYOUTS.ip;
const FIELD_ORDER = [
  'IP',
  'Mask',
  'HostIP',
  'ID',
  'Key',
  'Metadata',
  'K8sNamespace',
  'K8sPodName',
  'K8sPodUID',
  'K8sServiceAccount',
  'NamedPorts',
];

export const ipKey = (address: string): string => stateKey(LAYOUT, '', address);

export const ipIdentityKind: RecordKind<IpIdentityRecord> = {
  kind: 'ip',
  statePrefix: statePrefix('ip'),
  stateKey: (cluster, suffix) => stateKey(LAYOUT, cluster, suffix),
  cacheKey: (cluster, key) => {
    const parts = parseRecordKey(LAYOUT, key);
    return cacheKey(LAYOUT, cluster, parts.ok ? parts.value.suffix : key);
  },
  parseKey: (key) => parseRecordKey(LAYOUT, key),
  decode,
  encode: (value) => encodeObject(value, FIELD_ORDER),
  validate,
};

function decode(bytes: Uint8Array): Result<IpIdentityRecord, string> {
  const object = decodeObject(bytes, VALUE_BYTES_MAX);
  if (!object.ok) return object;
  const wrong = checkFields(object.value, {
    IP: 'string',
    Mask: 'string?',
    HostIP: 'string?',
    ID: 'number',
    Key: 'number?',
    Metadata: 'string?',
    K8sNamespace: 'string?',
    K8sPodName: 'string?',
    K8sPodUID: 'string?',
    K8sServiceAccount: 'string?',
    NamedPorts: 'array?',
  });
  if (wrong !== undefined) return err(wrong);
  if (!Number.isInteger(object.value.ID)) return err('ID is not a whole number');
  return ok(object.value as unknown as IpIdentityRecord);
}

/** The range that the entry is for: a single address as /32 or /128. */
export function ipPrefix(value: IpIdentityRecord): Result<Prefix, string> {
  if (typeof value.Mask === 'string') return networkPrefix({ IP: value.IP, Mask: value.Mask });
  // The newer shape writes a range into IP itself.
  if (value.IP.includes('/')) {
    const range = parsePrefix(value.IP);
    return range.ok ? ok(range.value.prefix) : range;
  }
  const address = parseAddress(value.IP);
  if (!address.ok) return address;
  const single = parsePrefix(`${address.value}/${address.value.includes(':') ? 128 : 32}`);
  return single.ok ? ok(single.value.prefix) : single;
}

function validate(value: IpIdentityRecord, context: RecordContext): readonly RecordProblem[] {
  const parts = parseRecordKey(LAYOUT, context.key);
  if (!parts.ok) return [misfit('key', parts.error)];
  const { cluster, suffix } = parts.value;
  if (cluster !== undefined && cluster !== context.cluster) {
    return [misfit('key', `names cluster ${cluster}, not ${context.cluster}`)];
  }
  const problems: RecordProblem[] = [];
  const prefix = ipPrefix(value);
  if (!prefix.ok) problems.push(misfit('IP', `"${value.IP}": ${prefix.error}`));
  else {
    const ranged = typeof value.Mask === 'string' || value.IP.includes('/');
    const named = ranged ? prefix.value.text : prefix.value.text.slice(0, prefix.value.text.indexOf('/'));
    if (suffix !== named) problems.push(misfit('IP', `is ${named}, the key names ${suffix}`));
  }
  if (value.HostIP !== undefined && value.HostIP !== null && value.HostIP !== '') {
    const host = parseAddress(value.HostIP);
    if (!host.ok) problems.push(misfit('HostIP', `"${value.HostIP}": ${host.error}`));
  }
  const range = identityRange(context.clusterId, context.maxConnectedClusters);
  if (value.ID < RESERVED_IDENTITY_END) {
    if (!PEER_RESERVED_IDENTITIES.has(value.ID)) {
      const reason = `${value.ID} is a reserved identity that no peer may assert`;
      problems.push({ code: 'CM-IDENT-002', field: 'ID', reason });
    }
  } else if (!inRange(range, value.ID)) {
    const reason = `${value.ID} is outside the cluster's range ${range.min} to ${range.max}`;
    problems.push({ code: 'CM-IDENT-001', field: 'ID', reason });
  }
  return problems;
}

// A slow and simple reader of the catalogue: what it has against a record that was admitted. Written from the text of the catalogue
// alone, and sharing no code with the rules: it reads addresses by other means, compares all with all, and looks at the stored bytes
// as a reader of the cluster's etcd would.

import { isIP } from 'node:net';

/** What the mesh of the fuzz is: see world.ts. */
export interface KnownPeer {
  readonly name: string;
  readonly id: number;
  /** Ranges that it declares; undefined for a plain Cilium cluster. */
  readonly declared: readonly string[] | undefined;
}

export interface KnownOthers {
  readonly pods: readonly string[];
  readonly services: readonly string[];
  readonly nodes: readonly string[];
  /** Addresses of their endpoints and nodes. */
  readonly addresses: readonly string[];
  /** Ports of their services by `namespace/name`: `http` → `TCP/80`. */
  readonly ports: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const VALUE_BYTES_MAX = 1024 * 1024;
const CLUSTER_LABEL = 'k8s:io.cilium.k8s.policy.cluster=';

/** The fields that readers know. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  services: [
    ...['cluster', 'namespace', 'name', 'frontends', 'backends', 'hostnames', 'zones', 'labels', 'selector'],
    ...['includeExternal', 'shared', 'clusterID'],
  ],
  nodes: [
    ...[
      'Name',
      'Cluster',
      'IPAddresses',
      'IPv4AllocCIDR',
      'IPv4SecondaryAllocCIDRs',
      'IPv6AllocCIDR',
      'IPv6SecondaryAllocCIDRs',
    ],
    ...[
      'IPv4HealthIP',
      'IPv6HealthIP',
      'IPv4IngressIP',
      'IPv6IngressIP',
      'ClusterID',
      'Source',
      'EncryptionKey',
      'Labels',
    ],
    ...['Annotations', 'WireguardPubKey', 'BootID'],
  ],
  ip: [
    ...[
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
    ],
    'NamedPorts',
  ],
  specs: [
    ...['cluster', 'name', 'namespace', 'annotations', 'labels', 'exportCreationTimestamp', 'ports', 'type'],
    ...['sessionAffinity', 'sessionAffinityConfig', 'ipFamilies', 'internalTrafficPolicy', 'trafficDistribution'],
  ],
};

type Value = Readonly<Record<string, unknown>>;

export interface Question {
  readonly peer: KnownPeer;
  readonly others: KnownOthers;
  readonly key: string;
  readonly bytes: Uint8Array;
  /** As the peer wrote it, it has no frontends. */
  readonly wasHeadless: boolean;
  /** Everything that is admitted of the peer. */
  readonly admitted: ReadonlyMap<string, Uint8Array>;
}

export function objections(question: Question): readonly string[] {
  const { key, bytes } = question;
  const found: string[] = [];
  if (bytes.length > VALUE_BYTES_MAX) found.push('is larger than a value may be');
  const text = textOf(bytes);
  if (text === undefined) return [...found, 'is no UTF-8'];
  const [root, state, cilium, version] = key.split('/');
  const kind = key.startsWith('clustermesh/v1/services/') ? 'specs' : cilium;
  if (kind !== 'specs' && (root !== 'cilium' || state !== 'state' || version !== 'v1')) {
    found.push('has a key that is none of a record');
  }
  if (kind === 'identities') return [...found, ...identityObjections(question, text)];
  const value = jsonOf(text);
  if (value === undefined) return [...found, 'is no JSON object'];
  // A reader in Go merges the two where one in JavaScript takes the last.
  const written = text.match(/"(?:[^"\\]|\\.)*"(\s*:)?/g) ?? [];
  if (written.filter((token) => token.endsWith(':')).length !== namesIn(value)) found.push('names a field twice');
  // A reader in Go takes each of them for the known one.
  const known = FIELDS[kind ?? ''] ?? [];
  for (const name of Object.keys(value)) {
    const meant = known.find((field) => field.toLowerCase() === name.toLowerCase().replaceAll('ſ', 's'));
    if (meant !== undefined && meant !== name) found.push(`has ${name} for ${meant}`);
  }
  if (kind === 'services') return [...found, ...serviceObjections(question, value)];
  if (kind === 'nodes') return [...found, ...nodeObjections(question, value)];
  if (kind === 'ip') return [...found, ...endpointObjections(question, value)];
  if (kind === 'specs') return [...found, ...specObjections(question, value)];
  return [...found, `is of kind ${kind}`];
}

function identityObjections({ peer, key }: Question, text: string): readonly string[] {
  const found: string[] = [];
  const number = key.slice('cilium/state/identities/v1/id/'.length);
  if (!key.startsWith('cilium/state/identities/v1/id/') || !/^[1-9]\d*$/.test(number)) found.push('names no number');
  if (Math.floor(Number(number) / 65_536) !== peer.id) found.push(`CM-IDENT-001: ${number}`);
  const labels = text.split(';').filter((label) => label.startsWith(CLUSTER_LABEL));
  if (labels.length !== 1 || labels[0] !== `${CLUSTER_LABEL}${peer.name}`)
    found.push(`CM-IDENT-003: ${labels.join(' ')}`);
  if (!text.endsWith(';')) found.push('has a label without an end');
  return found;
}

function endpointObjections(question: Question, value: Value): readonly string[] {
  const { peer, key, admitted } = question;
  const found: string[] = [];
  const { ID: id, IP: ip } = value;
  if (typeof ip !== 'string') return ['has no address'];
  const range = typeof value.Mask === 'string' ? networkText(ip, value.Mask) : ip;
  const canonical = range.includes('/') ? rangeText(range) : addressText(range);
  if (canonical === undefined) return [`has no address: ${range}`];
  if (key !== `cilium/state/ip/v1/default/${canonical}`) found.push(`CM-REC-001: ${canonical} under another key`);
  found.push(...useObjections(question, range, 'endpoint'));
  if (typeof id !== 'number' || !Number.isInteger(id) || Object.is(id, -0)) return [...found, 'has no identity'];
  if (id >= 256) {
    if (Math.floor(id / 65_536) !== peer.id) found.push(`CM-IDENT-001: ${id}`);
    if (!admitted.has(`cilium/state/identities/v1/id/${id}`)) found.push(`CM-IDENT-004: ${id} is not published`);
  } else if (![0, 4, 6, 7, 8].includes(id)) found.push(`CM-IDENT-002: ${id}`);
  return found;
}

function nodeObjections(question: Question, value: Value): readonly string[] {
  const { peer, key } = question;
  const found: string[] = [];
  if (value.Cluster !== peer.name || value.ClusterID !== peer.id)
    found.push(`CM-REC-001: of ${value.Cluster} ${value.ClusterID}`);
  if (key !== `cilium/state/nodes/v1/${peer.name}/${value.Name}`)
    found.push(`CM-REC-001: ${value.Name} under another key`);
  const addresses = listOf(value.IPAddresses) as readonly { readonly Type: string; readonly IP: string }[];
  for (const { IP: ip } of addresses) found.push(...useObjections(question, ip, 'node'));
  for (const field of ['IPv4HealthIP', 'IPv6HealthIP', 'IPv4IngressIP', 'IPv6IngressIP']) {
    const ip = value[field];
    if (typeof ip === 'string' && ip !== '') found.push(...useObjections(question, ip, 'endpoint'));
  }
  const networks = [
    value.IPv4AllocCIDR,
    value.IPv6AllocCIDR,
    ...listOf(value.IPv4SecondaryAllocCIDRs),
    ...listOf(value.IPv6SecondaryAllocCIDRs),
  ].filter((network) => network !== null && network !== undefined) as { IP: string; Mask: string }[];
  for (const { IP: ip, Mask: mask } of networks) {
    found.push(...useObjections(question, networkText(ip, mask), 'allocation'));
  }
  return found;
}

function serviceObjections(question: Question, value: Value): readonly string[] {
  const { peer, key, others } = question;
  const found: string[] = [];
  if (value.cluster !== peer.name || value.clusterID !== peer.id)
    found.push(`CM-REC-001: of ${value.cluster} ${value.clusterID}`);
  const name = `${value.namespace}/${value.name}`;
  if (key !== `cilium/state/services/v1/${peer.name}/${name}`) found.push(`CM-REC-001: ${name} under another key`);
  const frontends = portsOf(value.frontends);
  const backends = portsOf(value.backends);
  for (const { address, port, protocol, number } of [...frontends, ...backends]) {
    if (addressText(address) === undefined) found.push(`has no address: ${address}`);
    if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) found.push(`${port} is ${protocol}`);
    if (!Number.isInteger(number) || number < 0 || number > 65_535) found.push(`${port} is ${number}`);
  }
  for (const address of Object.keys((value.backends ?? {}) as Value)) {
    found.push(...useObjections(question, address, 'backend'));
  }
  if (value.shared !== true) return found;
  const theirs = others.ports[name];
  if (theirs === undefined) return found;
  // Headless here and not there. One that was not headless may have lost all of its ports, and keeps what no port led to.
  if (question.wasHeadless && backends.length > 0) found.push('CM-SVC-002: has backends');
  for (const { port, protocol, number } of frontends) {
    for (const [theirName, theirPort] of Object.entries(theirs)) {
      const contested = (port === theirName) !== (`${protocol}/${number}` === theirPort);
      if (contested) found.push(`CM-SVC-001: ${port} ${protocol}/${number} beside ${theirName} ${theirPort}`);
    }
  }
  return found;
}

/** What Kubernetes takes for an export of a service. */
function specObjections({ peer, key }: Question, value: Value): readonly string[] {
  const found: string[] = [];
  if (value.cluster !== peer.name) found.push(`CM-REC-001: of ${value.cluster}`);
  if (key !== `clustermesh/v1/services/${peer.name}/${value.namespace}/${value.name}`)
    found.push('CM-REC-001: under another key');
  if (value.type !== 'ClusterSetIP' && value.type !== 'Headless') found.push(`CM-REC-001: type ${value.type}`);
  if (value.sessionAffinity !== 'None' && value.sessionAffinity !== 'ClientIP')
    found.push('CM-REC-001: sessionAffinity');
  if (!['Cluster', 'Local', '', null, undefined].includes(value.internalTrafficPolicy as string)) {
    found.push(`CM-REC-001: internalTrafficPolicy ${value.internalTrafficPolicy}`);
  }
  const families = listOf(value.ipFamilies);
  if (families.some((family) => family !== 'IPv4' && family !== 'IPv6') || new Set(families).size < families.length) {
    found.push(`CM-REC-001: ipFamilies ${families}`);
  }
  const time = value.exportCreationTimestamp ?? '';
  if (time !== '' && (typeof time !== 'string' || Number.isNaN(new Date(time).getTime()) || !time.includes('T'))) {
    found.push(`CM-REC-001: exported at ${time}`);
  }
  const { clientIP } = (value.sessionAffinityConfig ?? {}) as { clientIP?: { timeoutSeconds?: number } | null };
  const seconds = clientIP?.timeoutSeconds ?? 0;
  if (!Number.isInteger(seconds) || seconds < 0 || seconds > 86_400) found.push(`CM-REC-001: ${seconds} seconds`);
  const ports = listOf(value.ports) as readonly { name?: string; protocol: string; port: number }[];
  if (new Set(ports.map(({ name }) => name ?? '')).size < ports.length) found.push('CM-REC-001: two ports of one name');
  for (const { protocol, port } of ports) {
    if (!['TCP', 'UDP', 'SCTP'].includes(protocol)) found.push(`CM-REC-001: ${protocol}`);
    if (!Number.isInteger(port) || port < 1 || port > 65_535) found.push(`CM-REC-001: port ${port}`);
  }
  for (const map of [value.labels, value.annotations]) {
    if (Object.values(map ?? {}).some((text) => typeof text !== 'string'))
      found.push('CM-REC-001: a label that is no text');
  }
  return found;
}

/** What a backend would mean on whichever host asks for it. */
const EVERY_HOSTS = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32'],
  ...['::/127', 'fe80::/10', 'ff00::/8'],
];

type Role = 'endpoint' | 'node' | 'allocation' | 'backend';

/** What the catalogue says of an address or range, in the place where it is used. */
function useObjections({ peer, others }: Question, text: string, role: Role): readonly string[] {
  const here = spanOf(text);
  if (here === undefined) return [`has no address: ${text}`];
  const found: string[] = [];
  const inside = (ranges: readonly string[]) => ranges.filter((range) => holds(spanOf(range), here));
  const meets = (ranges: readonly string[]) => ranges.filter((range) => touch(spanOf(range), here));
  if (peer.declared !== undefined && role !== 'node' && inside(peer.declared).length === 0) {
    found.push(`CM-CIDR-006: ${text} is not declared`);
  }
  if (role === 'backend' && inside(EVERY_HOSTS).length > 0) found.push(`CM-CIDR-006: every host has ${text}`);
  // Of a plain cluster only what its nodes show is its range; single addresses are its own until somebody else has them.
  const ranged = peer.declared !== undefined || role === 'node' || role === 'allocation';
  if (ranged && meets(others.pods).length > 0) found.push(`CM-CIDR-001 or 003: ${text} is another cluster's pods'`);
  if (ranged && role === 'backend' && meets(others.services).length > 0)
    found.push(`CM-CIDR-002: ${text} is another's services'`);
  // What is a node range of others is contested only by a pod range, and that is where an allocation comes from.
  if (role === 'allocation' && meets(others.nodes).length > 0) found.push(`CM-CIDR-003: ${text} holds another's nodes`);
  if (role !== 'allocation' && others.addresses.some((address) => addressText(address) === addressText(text))) {
    found.push(`CM-CIDR-007: ${text}`);
  }
  return found;
}

// ---- addresses, by other means than the product's

interface Span {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly last: bigint;
}

const holds = (outer: Span | undefined, inner: Span): boolean =>
  outer !== undefined && outer.bits === inner.bits && outer.first <= inner.first && inner.last <= outer.last;

const touch = (a: Span | undefined, b: Span): boolean =>
  a !== undefined && a.bits === b.bits && a.first <= b.last && b.first <= a.last;

function spanOf(text: string): Span | undefined {
  const [address = '', length] = text.split('/');
  const number = numberOf(address);
  if (number === undefined) return undefined;
  if (length === undefined) return { bits: number.bits, first: number.value, last: number.value };
  const mapped = number.bits === 32 && address.includes(':');
  const ones = Number(length) - (mapped ? 96 : 0);
  if (!/^\d+$/.test(length) || ones < 0 || ones > number.bits) return undefined;
  const size = 1n << BigInt(number.bits - ones);
  const first = (number.value / size) * size;
  return { bits: number.bits, first, last: first + size - 1n };
}

function numberOf(text: string): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  if (isIP(text) === 4) return { bits: 32, value: joined(text.split('.').map(Number), 8n) };
  if (isIP(text) !== 6 || text.includes('%')) return undefined;
  // The URL parser writes every IPv6 address in hexadecimal groups.
  const groups = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = groups.split('::');
  const list = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const behind = tail === undefined ? [] : list(tail);
  const zeros = Array<number>(8 - list(head).length - behind.length).fill(0);
  const value = joined([...list(head), ...zeros, ...behind], 16n);
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value };
}

const joined = (parts: readonly number[], width: bigint): bigint =>
  parts.reduce((sum, part) => (sum << width) | BigInt(part), 0n);

/** One text for each address. */
function addressText(text: string): string | undefined {
  const number = text.includes('/') ? undefined : numberOf(text);
  if (number === undefined) return undefined;
  return number.bits === 32 ? dotted(number.value) : new URL(`http://[${text}]`).hostname.slice(1, -1);
}

function rangeText(text: string): string | undefined {
  const span = spanOf(text);
  if (span === undefined) return undefined;
  const length = span.bits - (span.last - span.first + 1n).toString(2).length + 1;
  if (span.bits === 32) return `${dotted(span.first)}/${length}`;
  const hex = span.first.toString(16).padStart(32, '0').match(/.{4}/g) ?? [];
  return `${new URL(`http://[${hex.join(':')}]`).hostname.slice(1, -1)}/${length}`;
}

const dotted = (value: bigint): string => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');

/** An IPv4 mask counts the bits of the IPv4 address, however that is spelled. */
function networkText(ip: string, mask: string): string {
  const bytes = Buffer.from(mask, 'base64');
  const ones = [...bytes].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
  return `${ip}/${ip.includes(':') && bytes.length === 4 ? 96 + ones : ones}`;
}

// ---- values

function textOf(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text).equals(bytes) ? text : undefined;
}

function jsonOf(text: string): Value | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Value) : undefined;
  } catch {
    return undefined;
  }
}

const namesIn = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const below = Object.values(value).reduce((sum: number, inner) => sum + namesIn(inner), 0);
  return below + (Array.isArray(value) ? 0 : Object.keys(value).length);
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

interface UsedPort {
  readonly address: string;
  readonly port: string;
  readonly protocol: string;
  readonly number: number;
}

function portsOf(value: unknown): readonly UsedPort[] {
  const byAddress = Object.entries(
    (value ?? {}) as Readonly<Record<string, Readonly<Record<string, { Protocol: string; Port: number }>>>>,
  );
  return byAddress.flatMap(([address, ports]) =>
    Object.entries(ports).map(([port, { Protocol: protocol, Port: number }]) => ({ address, port, protocol, number })),
  );
}

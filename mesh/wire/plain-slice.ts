// A slice as our own publisher writes it (plain-text.ts): what it says of each backend, and the text in which it says it, which stands in the
// value of the whole service as it is (whole-service.ts).

import { parseAddress } from '../model/address.ts';
import type { IpAddress } from '../model/names.ts';
import { PROTOCOLS } from '../model/service.ts';
import type { PortValue } from './cluster-service.ts';
import { isAscending, ownText, PLAIN, PLAIN_WHOLE, textOf } from './plain-text.ts';
import { PORT_MAX, VALUE_BYTES_MAX } from './record.ts';
import type { ServiceSliceRecord } from './service-slice.ts';

export interface PlainEntry {
  readonly name: string;
  /** Name and value as they stand in the text of the map. */
  readonly text: string;
}

export interface PlainBackend extends PlainEntry {
  /** Canonical. */
  readonly name: IpAddress;
  /** The same object for neighbours with the same ports. */
  readonly ports: Readonly<Record<string, PortValue>>;
}

type Names = Pick<ServiceSliceRecord, 'cluster' | 'namespace' | 'name' | 'slice' | 'clusterID'>;

/** The entries of each map are in the order of their names. */
export interface PlainSlice extends Names {
  readonly backends: readonly PlainBackend[];
  readonly hostnames: readonly PlainEntry[];
  readonly zones: readonly PlainEntry[];
}

const text = (name: string): string => `"${name}":"(${PLAIN})"`;
const list = (element: string): string => `${element}(?:,${element})*`;
/** Looks where it is told to and no further. */
const entry = (name: string, value: string): RegExp => new RegExp(`"(${name})":(${value})`, 'y');

const NAMES = new RegExp(
  `^\\{${['cluster', 'namespace', 'name', 'slice'].map(text).join(',')},"clusterID":(${PLAIN_WHOLE}),"backends":\\{`,
);
const PORT = `"(${PLAIN})":\\{"Protocol":"(${PROTOCOLS.join('|')})","Port":(${PLAIN_WHOLE})\\}`;
const EACH_PORT = new RegExp(PORT, 'g');
const PORT_UNNAMED = PORT.replaceAll(/\((?!\?)/g, '(?:');
/** The longest address has 45 characters (model/address.ts). */
const BACKEND = entry('[\\da-f.:]{2,45}', `\\{(?:${list(PORT_UNNAMED)})?\\}`);
const HOSTNAME = entry(PLAIN, `"${PLAIN}"`);
const FOR_ZONES = `"forZones":\\[${list(`\\{"name":"${PLAIN}"\\}`)}\\]`;
const ZONE = entry(PLAIN, `\\{"zone":"${PLAIN}"(?:,${FOR_ZONES})?\\}`);

/** Undefined for what is written in another way, or is no slice that fits any key: its backends are valid. */
export function readPlainSlice(bytes: Uint8Array): PlainSlice | undefined {
  if (bytes.length > VALUE_BYTES_MAX) return undefined;
  const whole = textOf(bytes);
  const names = NAMES.exec(whole);
  if (names === null) return undefined;
  const [before, cluster = '', namespace = '', name = '', slice = '', id] = names;
  let at = before.length;

  /** The entries of the map that is open here; behind its closing brace then. */
  const entriesOf = <T extends PlainEntry>(one: RegExp, read: (found: RegExpExecArray) => T | undefined) => {
    const entries: T[] = [];
    if (whole[at] === '}') {
      at += 1;
      return entries;
    }
    let behind: string | undefined;
    do {
      one.lastIndex = at;
      const found = one.exec(whole);
      const made = found === null ? undefined : read(found);
      if (made === undefined) return undefined;
      entries.push(made);
      behind = whole[one.lastIndex];
      at = one.lastIndex + 1;
    } while (behind === ',');
    return behind === '}' && isAscending(entries) ? entries : undefined;
  };
  /** The same of a map that is written only where it has any. */
  const entriesIn = (field: string, one: RegExp): readonly PlainEntry[] | undefined => {
    const open = `,"${field}":{`;
    if (!whole.startsWith(open, at)) return NONE;
    at += open.length;
    const entries = entriesOf(one, entryOf);
    return entries?.length === 0 ? undefined : entries;
  };

  const backends = entriesOf(BACKEND, backendReader());
  const hostnames = backends && entriesIn('hostnames', HOSTNAME);
  const zones = hostnames && entriesIn('zones', ZONE);
  if (backends === undefined || hostnames === undefined || zones === undefined) return undefined;
  if (whole[at] !== '}' || at + 1 < whole.length) return undefined;
  const named = {
    cluster: ownText(cluster),
    namespace: ownText(namespace),
    name: ownText(name),
    slice: ownText(slice),
  };
  return { ...named, clusterID: Number(id), backends, hostnames, zones };
}

const NONE: readonly PlainEntry[] = [];

function entryOf([, name = '', value = '']: RegExpExecArray): PlainEntry {
  return { name, text: `"${name}":${value}` };
}

/** Of the backends of a slice, one behind the other: nearly all have the same ports. */
function backendReader(): (found: RegExpExecArray) => PlainBackend | undefined {
  let portsText: string | undefined;
  let ports: PlainBackend['ports'] | undefined;
  return ([, name = '', value = '']) => {
    if (value !== portsText) {
      ports = portsIn(value);
      portsText = value;
    }
    const address = parseAddress(name);
    if (ports === undefined || !address.ok || address.value !== name) return undefined;
    return { name: ownText(name) as IpAddress, text: `"${name}":${value}`, ports };
  };
}

function portsIn(value: string): PlainBackend['ports'] | undefined {
  const ports = [...value.matchAll(EACH_PORT)].map(([, name = '', Protocol = '', port]) => ({
    name: ownText(name),
    port: { Protocol, Port: Number(port) },
  }));
  if (!isAscending(ports) || ports.some(({ port }) => port.Port > PORT_MAX)) return undefined;
  return Object.fromEntries(ports.map(({ name, port }) => [name, port]));
}

// The ipcache as a person or a script reads it: rows with names instead of numbers. Made from what is in the map; the names come
// from what the API servers say. Fields are only added.

import { parseAddress } from '../../mesh/model/address.ts';
import type { ClusterId, ClusterName, IpAddress } from '../../mesh/model/names.ts';
import { type AddressRow, lookupKey, parseAddressKey, parseAddressValue } from '../maps/address-row.ts';
import type { AddressMap } from '../maps/port.ts';
import type { PeerAddresses } from './book.ts';
import type { AddressReport } from './programmer.ts';

export interface AddressEntry {
  /** `10.1.0.7/32`; null where the map alone was asked, which does not say which prefix it was. */
  readonly prefix: string | null;
  readonly identity: number;
  /** `#7` where the agent knows no cluster with this id. */
  readonly cluster: string;
  readonly node: string | null;
  readonly node_address: string | null;
  /** `namespace/name`. */
  readonly pod: string | null;
}

/** The answer of `/v1/maps/addresses`. */
export interface AddressesDocument {
  readonly schema_version: 1;
  readonly map: AddressReport;
  readonly addresses: readonly AddressEntry[];
}

/** The answer of `/v1/maps/lookup`. */
export interface LookupDocument {
  readonly schema_version: 1;
  readonly address: string;
  /** Null where no prefix in the map has the address: it is no peer's pod. */
  readonly found: AddressEntry | null;
}

export interface AddressNames {
  readonly clusters: ReadonlyMap<ClusterName, ClusterId>;
  readonly book: Pick<PeerAddresses, 'owner' | 'ownerOf' | 'nodeName'>;
}

export async function describeAddresses(
  map: AddressMap,
  names: AddressNames,
  report: AddressReport,
): Promise<AddressesDocument> {
  const addresses: AddressEntry[] = [];
  for await (const rows of map.chunks()) {
    for (const { key, value } of rows) {
      const prefix = parseAddressKey(key)?.text;
      const row = parseAddressValue(value);
      if (prefix !== undefined && row !== undefined) addresses.push(entryOf(prefix, row, names));
    }
  }
  addresses.sort((a, b) => ((a.prefix ?? '') < (b.prefix ?? '') ? -1 : 1));
  return { schema_version: 1, map: report, addresses };
}

/** Undefined for what is no address. */
export function describeLookup(map: AddressMap, names: AddressNames, text: string): LookupDocument | undefined {
  const address = parseAddress(text);
  if (!address.ok) return undefined;
  return { schema_version: 1, address: address.value, found: lookUp(map, names, address.value) ?? null };
}

/** What the map says of an address, by the longest prefix. */
export function lookUp(map: AddressMap, names: AddressNames, address: IpAddress): AddressEntry | undefined {
  const value = map.lookup(lookupKey(address));
  const row = value && parseAddressValue(value);
  return row && entryOf(names.book.ownerOf(address)?.prefix, row, names);
}

/** The pod is named only where it is the one that the row is of. */
function entryOf(prefix: string | undefined, row: AddressRow, { clusters, book }: AddressNames): AddressEntry {
  const cluster = [...clusters].find(([, id]) => id === row.clusterId)?.[0];
  const owner = prefix === undefined ? undefined : book.owner(prefix);
  const named = cluster !== undefined && row.node !== undefined ? book.nodeName(cluster, row.node) : undefined;
  return {
    prefix: prefix ?? null,
    identity: row.identity,
    cluster: cluster ?? `#${row.clusterId}`,
    node: named ?? null,
    node_address: row.node ?? null,
    pod: (owner?.cluster === cluster ? owner?.pod : undefined) ?? null,
  };
}

// The names of what is programmed: frontends and the targets behind them. Names tell them apart, and are what a person reads:
// `172.20.0.10:80/TCP`.

import { type Family, parseAddress } from '../../mesh/model/address.ts';
import type { ClusterId, IpAddress } from '../../mesh/model/names.ts';

declare const brand: unique symbol;
/** `172.20.0.10:80/TCP`, `[fd00::a]:80/TCP`. */
export type FrontendName = string & { readonly [brand]: 'FrontendName' };
/** `10.1.0.7:8080/TCP#2`: the cluster id stands after the hash. */
export type TargetName = string & { readonly [brand]: 'TargetName' };

/** What the maps and programs can carry today. */
export type MapProtocol = 'TCP' | 'UDP';

export interface Frontend {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: MapProtocol;
}

export interface NamedFrontend extends Frontend {
  readonly name: FrontendName;
  /** Of the address. */
  readonly family: Family;
}

/** Where connections go. Two clusters may use one address: they are then two targets. */
export interface Destination extends Frontend {
  readonly clusterId: ClusterId;
}

/** `172.20.0.10:80`, `[fd00::a]:80`. */
export const placeName = ({ address, port }: Pick<Frontend, 'address' | 'port'>): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** Joined, not concatenated: names are kept by the thousands, and a concatenated text keeps its parts beside it. */
export const frontendName = (frontend: Frontend): FrontendName =>
  [placeName(frontend), frontend.protocol].join('/') as FrontendName;

/** Undefined for what `frontendName` would not give, or nobody would ask for. */
export function parseFrontendName(name: string): Frontend | undefined {
  const [, bracketed, plain, port, protocol] = /^(?:\[(.+)\]|([^:]+)):(\d+)\/(TCP|UDP)$/.exec(name) ?? [];
  const address = parseAddress(bracketed ?? plain ?? '');
  if (!address.ok) return undefined;
  return { address: address.value, port: Number(port), protocol: protocol as MapProtocol };
}

export const targetName = (target: Destination): TargetName =>
  `${placeName(target)}/${target.protocol}#${target.clusterId}` as TargetName;

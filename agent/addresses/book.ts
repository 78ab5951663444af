// Whose the addresses of peers' pods are, as the API servers say: taken in part by part, and answered by address. A whole list
// counts when its last part is there; until then the one before stands. It knows nothing of maps.

import { addressBytes, familyOf } from '../../mesh/model/address.ts';
import type { ClusterName, IpAddress } from '../../mesh/model/names.ts';
import type { PeerAddress, PeerNode, PeerNodeRef } from '../../mesh/model/peer-address.ts';
import { makePrefix } from '../../mesh/model/prefix.ts';
import type { AddressesPart } from '../../mesh/wire/addresses.ts';
import { ByPrefix } from './by-prefix.ts';
import { Claims } from './claims.ts';

/** Mostly one; of several the first counts, and they are in the order of their clusters' names. */
type Owners = PeerAddress | readonly PeerAddress[];

interface Known {
  readonly owners: ByPrefix<Owners>;
  readonly peers: Map<ClusterName, Peer>;
}

/** What one cluster says. */
interface Peer {
  /** Owner or not. */
  readonly claims: Claims;
  readonly nodes: Map<string, PeerNode>;
  /** The name of a node by its address. */
  readonly names: Map<IpAddress, string>;
}

const NONE: Iterable<string> = [];

export class PeerAddresses {
  #known: Known = nothing();
  /** A whole list that is coming in. */
  #coming: Known | undefined;
  #complete = false;

  /** A whole list has come. */
  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#known.owners.size;
  }

  /** The prefixes that may have another owner now: a few, or all that were and are known, to be walked when there is time. */
  take(part: AddressesPart): readonly Iterable<string>[] {
    if (part.whole) this.#coming = nothing();
    const known = this.#coming ?? this.#known;
    const touched = apply(known, part);
    if (this.#coming === undefined) return touched.length === 0 ? [] : [touched];
    if (part.more) return [];
    const before = this.#known;
    this.#known = this.#coming;
    this.#coming = undefined;
    this.#complete = true;
    return [before.owners.keys(), this.#known.owners.keys()];
  }

  prefixes(): Iterable<string> {
    return this.#known.owners.keys();
  }

  /** What a cluster claims, whether it counts as its owner or not, and perhaps what it claimed before. */
  claimsOf(cluster: ClusterName): Iterable<string> {
    return this.#known.peers.get(cluster)?.claims ?? NONE;
  }

  owner(prefix: string): PeerAddress | undefined {
    const owners = this.#known.owners.get(prefix);
    return isContested(owners) ? owners[0] : owners;
  }

  /** The owner of the longest prefix that has the address. */
  ownerOf(address: IpAddress): PeerAddress | undefined {
    const bytes = addressBytes(address);
    for (let length = familyOf(address) === 4 ? 32 : 128; length >= 0; length -= 1) {
      const owner = this.owner(makePrefix(bytes, length).prefix.text);
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  nodeName(cluster: ClusterName, address: IpAddress): string | undefined {
    return this.#known.peers.get(cluster)?.names.get(address);
  }
}

const nothing = (): Known => ({ owners: new ByPrefix(), peers: new Map() });

function apply(known: Known, part: AddressesPart): readonly string[] {
  for (const node of part.nodes) {
    forgetNode(known, node);
    const { nodes, names } = peerOf(known, node.cluster);
    nodes.set(node.name, node);
    for (const address of node.addresses) names.set(address, node.name);
  }
  for (const ref of part.removedNodes) forgetNode(known, ref);
  const touched: string[] = [];
  for (const { cluster, prefix } of part.removed) {
    replace(known, cluster, prefix, undefined);
    touched.push(prefix);
  }
  for (const address of part.addresses) {
    replace(known, address.cluster, address.prefix, address);
    touched.push(address.prefix);
  }
  for (const { cluster } of [...part.removedNodes, ...part.removed]) forgetPeer(known, cluster);
  return touched;
}

function peerOf({ peers }: Known, cluster: ClusterName): Peer {
  let peer = peers.get(cluster);
  if (peer === undefined) {
    peer = { claims: new Claims(), nodes: new Map(), names: new Map() };
    peers.set(cluster, peer);
  }
  return peer;
}

function forgetNode({ peers }: Known, { cluster, name }: PeerNodeRef): void {
  const peer = peers.get(cluster);
  for (const address of peer?.nodes.get(name)?.addresses ?? []) peer?.names.delete(address);
  peer?.nodes.delete(name);
}

/** One that says nothing any more. */
function forgetPeer({ peers }: Known, cluster: ClusterName): void {
  const peer = peers.get(cluster);
  if (peer?.claims.isEmpty && peer.nodes.size === 0) peers.delete(cluster);
}

/** What a cluster says of a prefix, or that it says nothing of it any more. */
function replace(known: Known, cluster: ClusterName, prefix: string, address?: PeerAddress): void {
  const { owners } = known;
  const before = owners.get(prefix);
  const after = ownersAfter(before, cluster, address);
  if (after === undefined) owners.delete(prefix);
  else owners.set(prefix, after);
  const claimed = isClaimed(before, cluster);
  if (address !== undefined && !claimed) peerOf(known, cluster).claims.add(prefix);
  if (address === undefined && claimed)
    known.peers.get(cluster)?.claims.drop((other) => isClaimed(owners.get(other), cluster));
}

const isClaimed = (owners: Owners | undefined, cluster: ClusterName): boolean =>
  isContested(owners) ? owners.some((owner) => owner.cluster === cluster) : owners?.cluster === cluster;

function ownersAfter(before: Owners | undefined, cluster: ClusterName, address?: PeerAddress): Owners | undefined {
  if (before === undefined || (!isContested(before) && before.cluster === cluster)) return address;
  const others = (isContested(before) ? before : [before]).filter((owner) => owner.cluster !== cluster);
  const all = address === undefined ? others : [...others, address].sort(byCluster);
  return all.length === 1 ? all[0] : all;
}

/** Only a contested prefix has a list. */
const isContested = (owners: Owners | undefined): owners is readonly PeerAddress[] => Array.isArray(owners);

const byCluster = (a: PeerAddress, b: PeerAddress): number => (a.cluster < b.cluster ? -1 : 1);

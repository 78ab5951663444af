// Whose the addresses of peers' pods are, as the API servers say: taken in part by part, and answered by address. A whole list
// counts when its last part is there; until then the one before stands. It knows nothing of maps.

import { addressBytes, familyOf } from '../../mesh/model/address.ts';
import type { ClusterName, IpAddress } from '../../mesh/model/names.ts';
import type { PeerAddress, PeerNode } from '../../mesh/model/peer-address.ts';
import { makePrefix } from '../../mesh/model/prefix.ts';
import type { AddressesPart } from '../../mesh/wire/addresses.ts';

/** By the text of the prefix. Mostly one owner each; the first by the name of its cluster is the one that counts. */
type Owners = Map<string, readonly PeerAddress[]>;

interface Known {
  readonly owners: Owners;
  /** By cluster and name. */
  readonly nodes: Map<string, PeerNode>;
  /** The name of a node by cluster and address. */
  readonly names: Map<string, string>;
}

const NONE: readonly PeerAddress[] = [];

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

  /** The prefixes that may have another owner now. */
  take(part: AddressesPart): Iterable<string> {
    if (part.whole) this.#coming = nothing();
    const known = this.#coming ?? this.#known;
    const touched = apply(known, part);
    if (this.#coming === undefined) return touched;
    if (part.more) return [];
    const before = this.#known;
    this.#known = this.#coming;
    this.#coming = undefined;
    this.#complete = true;
    return new Set([...before.owners.keys(), ...this.#known.owners.keys()]);
  }

  prefixes(): Iterable<string> {
    return this.#known.owners.keys();
  }

  owner(prefix: string): PeerAddress | undefined {
    return this.#known.owners.get(prefix)?.[0];
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
    return this.#known.names.get(`${cluster} ${address}`);
  }
}

const nothing = (): Known => ({ owners: new Map(), nodes: new Map(), names: new Map() });

function apply({ owners, nodes, names }: Known, part: AddressesPart): readonly string[] {
  const forget = (key: string) => {
    for (const address of nodes.get(key)?.addresses ?? []) names.delete(`${nodes.get(key)?.cluster} ${address}`);
    nodes.delete(key);
  };
  for (const node of part.nodes) {
    const key = `${node.cluster} ${node.name}`;
    forget(key);
    nodes.set(key, node);
    for (const address of node.addresses) names.set(`${node.cluster} ${address}`, node.name);
  }
  for (const { cluster, name } of part.removedNodes) forget(`${cluster} ${name}`);
  const replace = (prefix: string, cluster: ClusterName, address: PeerAddress | undefined): string => {
    const others = (owners.get(prefix) ?? NONE).filter((owner) => owner.cluster !== cluster);
    const all = address === undefined ? others : [...others, address].sort(byCluster);
    if (all.length === 0) owners.delete(prefix);
    else owners.set(prefix, all);
    return prefix;
  };
  return [
    ...part.removed.map(({ cluster, prefix }) => replace(prefix.text, cluster, undefined)),
    ...part.addresses.map((address) => replace(address.prefix.text, address.cluster, address)),
  ];
}

const byCluster = (a: PeerAddress, b: PeerAddress): number => (a.cluster < b.cluster ? -1 : 1);

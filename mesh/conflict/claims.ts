// Which records say that an address is their cluster's, counted for each claimant, so that taking one claim away never takes
// another's entry with it and the next claimant moves up when the winner withdraws. Endpoints and nodes claim an address; the backend of a
// service only uses it. A pure data structure: it knows nothing of who wins.

import type { ClusterName } from '../model/names.ts';

export interface Claim {
  /** Canonical text of the address, or of a prefix. */
  readonly address: string;
  readonly strength: 'endpoint' | 'node' | 'use';
  /** Within what the cluster declares, and not forfeited: an unsound claim loses against any sound one. */
  readonly sound: boolean;
}

export interface Claimant {
  readonly cluster: ClusterName;
  readonly sound: boolean;
}

/** A record with its claims, each address once. Either all of them are uses, or none is. The index writes them. */
export interface Claiming {
  readonly cluster: ClusterName;
  claims: readonly Claim[];
}

/** What one cluster's records say of one address. */
interface Tally {
  sound: number;
  unsound: number;
  nodes: number;
  uses: number;
}

const NOBODY: readonly Claimant[] = [];

class Entry<R extends Claiming> {
  readonly users = new Set<R>();
  /** Every cluster that claims or uses the address. */
  readonly tallies = new Map<ClusterName, Tally>();

  put(record: R, claim: Claim): void {
    this.users.add(record);
    this.#count(record.cluster, claim, 1);
  }

  take(record: R, claim: Claim): void {
    if (this.users.delete(record)) this.#count(record.cluster, claim, -1);
  }

  #count(cluster: ClusterName, { strength, sound }: Claim, step: 1 | -1): void {
    const tally = this.tallies.get(cluster) ?? { sound: 0, unsound: 0, nodes: 0, uses: 0 };
    tally[strength === 'use' ? 'uses' : sound ? 'sound' : 'unsound'] += step;
    if (strength === 'node') tally.nodes += step;
    if (tally.sound + tally.unsound + tally.uses === 0) this.tallies.delete(cluster);
    else this.tallies.set(cluster, tally);
  }
}

export class ClaimIndex<R extends Claiming> {
  /** Most addresses have one user, which is then stored by itself: that halves the memory of a large mesh. */
  readonly #entries = new Map<string, R | Entry<R>>();
  readonly #contested = new Set<string>();

  /** Sets all claims of a record at once. Returns the addresses whose users must look again. */
  replace(record: R, claims: readonly Claim[]): readonly string[] {
    const { taken, put } = changeBetween(record.claims, claims);
    const touched = new Map<string, string>();
    for (const { address } of [...taken, ...put]) touched.set(address, this.#rivalry(address));
    for (const claim of taken) this.#take(record, claim);
    record.claims = claims;
    for (const claim of put) this.#put(record, claim);
    const changed: string[] = [];
    for (const [address, before] of touched) {
      if (this.#rivalry(address) !== before) changed.push(address);
      if (this.claimants(address).length > 1) this.#contested.add(address);
      else this.#contested.delete(address);
    }
    return changed;
  }

  /** Clusters whose endpoints or nodes have the address. */
  claimants(address: string): readonly Claimant[] {
    const entry = this.#entries.get(address);
    if (entry === undefined) return NOBODY;
    if (entry instanceof Entry) {
      const claiming = [...entry.tallies].filter(([, { sound, unsound }]) => sound + unsound > 0);
      return claiming.map(([cluster, { sound }]) => ({ cluster, sound: sound > 0 }));
    }
    const claim = claimTo(entry, address);
    return claim.strength === 'use' ? NOBODY : [{ cluster: entry.cluster, sound: claim.sound }];
  }

  hasNode(address: string, cluster: ClusterName): boolean {
    const entry = this.#entries.get(address);
    if (entry === undefined) return false;
    if (entry instanceof Entry) return (entry.tallies.get(cluster)?.nodes ?? 0) > 0;
    return entry.cluster === cluster && claimTo(entry, address).strength === 'node';
  }

  users(address: string): readonly R[] {
    const entry = this.#entries.get(address);
    if (entry === undefined) return [];
    return entry instanceof Entry ? [...entry.users] : [entry];
  }

  /** Whether records of several clusters claim or use the address. */
  isShared(address: string): boolean {
    const entry = this.#entries.get(address);
    return entry instanceof Entry && entry.tallies.size > 1;
  }

  /** Addresses with several claimants. */
  contested(): readonly string[] {
    return [...this.#contested];
  }

  #put(record: R, claim: Claim): void {
    const { address } = claim;
    const entry = this.#entries.get(address);
    if (entry === undefined) this.#entries.set(address, record);
    else if (entry instanceof Entry) entry.put(record, claim);
    else {
      const grown = new Entry<R>();
      grown.put(entry, claimTo(entry, address));
      grown.put(record, claim);
      this.#entries.set(address, grown);
    }
  }

  #take(record: R, claim: Claim): void {
    const entry = this.#entries.get(claim.address);
    if (!(entry instanceof Entry)) {
      this.#entries.delete(claim.address);
      return;
    }
    entry.take(record, claim);
    const [last] = entry.users;
    if (last !== undefined && entry.users.size === 1) this.#entries.set(claim.address, last);
  }

  /**
   * Everything that users judge the address by; two texts are equal when nobody needs to look again. As long as it is one
   * cluster's own affair, that is only whether it is a node's.
   */
  #rivalry(address: string): string {
    const entry = this.#entries.get(address);
    if (entry === undefined) return '';
    if (!(entry instanceof Entry)) return `${entry.cluster} ${claimTo(entry, address).strength === 'node'}`;
    const alone = entry.tallies.size === 1;
    return [...entry.tallies]
      .map(([cluster, { sound, unsound, nodes }]) =>
        alone ? `${cluster} ${nodes > 0}` : `${cluster} ${sound > 0} ${unsound > 0} ${nodes > 0}`,
      )
      .sort()
      .join(',');
  }
}

const UNCLAIMED: Claim = { address: '', strength: 'use', sound: false };

/** A service uses thousands of addresses, and all in the same way. */
function claimTo({ claims }: Claiming, address: string): Claim {
  const [first = UNCLAIMED] = claims;
  if (first.strength === 'use') return first;
  return claims.find((claim) => claim.address === address) ?? UNCLAIMED;
}

export const isSameClaim = (a: Claim | undefined, b: Claim | undefined): boolean =>
  a?.address === b?.address && a?.strength === b?.strength && a?.sound === b?.sound;

/** What is between the first and the last difference: one changed backend of thousands costs one. */
function changeBetween(
  before: readonly Claim[],
  after: readonly Claim[],
): { readonly taken: readonly Claim[]; readonly put: readonly Claim[] } {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && isSameClaim(before[head], after[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && isSameClaim(before.at(-1 - tail), after.at(-1 - tail))) tail += 1;
  return { taken: before.slice(head, before.length - tail), put: after.slice(head, after.length - tail) };
}

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

interface Claiming {
  readonly cluster: ClusterName;
}

interface Single<R> {
  readonly record: R;
  readonly claim: Claim;
}

/** Counts of one cluster's claims to one address. */
interface Tally {
  sound: number;
  unsound: number;
  nodes: number;
}

class Entry<R extends Claiming> {
  readonly users = new Map<R, Claim>();
  readonly tallies = new Map<ClusterName, Tally>();

  put(record: R, claim: Claim): void {
    this.users.set(record, claim);
    this.#count(record.cluster, claim, 1);
  }

  take(record: R): void {
    const claim = this.users.get(record);
    if (claim === undefined) return;
    this.users.delete(record);
    this.#count(record.cluster, claim, -1);
  }

  #count(cluster: ClusterName, claim: Claim, step: 1 | -1): void {
    if (claim.strength === 'use') return;
    const tally = this.tallies.get(cluster) ?? { sound: 0, unsound: 0, nodes: 0 };
    tally[claim.sound ? 'sound' : 'unsound'] += step;
    if (claim.strength === 'node') tally.nodes += step;
    if (tally.sound + tally.unsound === 0) this.tallies.delete(cluster);
    else this.tallies.set(cluster, tally);
  }
}

export class ClaimIndex<R extends Claiming> {
  /** Most addresses have one user: those take no entry of their own, which halves the memory of a large mesh. */
  readonly #entries = new Map<string, Single<R> | Entry<R>>();
  readonly #contested = new Set<string>();

  /** Sets all claims of a record at once. Returns the addresses whose claimants are others now. */
  replace(record: R, before: readonly Claim[], after: readonly Claim[]): readonly string[] {
    const touched = new Map<string, string>();
    for (const { address } of [...before, ...after]) touched.set(address, this.#claimantText(address));
    for (const claim of before) this.#take(record, claim.address);
    for (const claim of after) this.#put(record, claim);
    const changed: string[] = [];
    for (const [address, text] of touched) {
      if (this.#claimantText(address) !== text) changed.push(address);
      if (this.claimants(address).length > 1) this.#contested.add(address);
      else this.#contested.delete(address);
    }
    return changed;
  }

  /** Clusters whose endpoints or nodes have the address. */
  claimants(address: string): readonly Claimant[] {
    const entry = this.#entries.get(address);
    if (entry === undefined) return [];
    if (entry instanceof Entry) {
      return [...entry.tallies].map(([cluster, tally]) => ({ cluster, sound: tally.sound > 0 }));
    }
    return entry.claim.strength === 'use' ? [] : [{ cluster: entry.record.cluster, sound: entry.claim.sound }];
  }

  hasNode(address: string, cluster: ClusterName): boolean {
    const entry = this.#entries.get(address);
    if (entry === undefined) return false;
    if (entry instanceof Entry) return (entry.tallies.get(cluster)?.nodes ?? 0) > 0;
    return entry.claim.strength === 'node' && entry.record.cluster === cluster;
  }

  users(address: string): readonly R[] {
    const entry = this.#entries.get(address);
    if (entry === undefined) return [];
    return entry instanceof Entry ? [...entry.users.keys()] : [entry.record];
  }

  /** Addresses with several claimants. */
  contested(): readonly string[] {
    return [...this.#contested];
  }

  #put(record: R, claim: Claim): void {
    const entry = this.#entries.get(claim.address);
    if (entry === undefined) this.#entries.set(claim.address, { record, claim });
    else if (entry instanceof Entry) entry.put(record, claim);
    else {
      const grown = new Entry<R>();
      grown.put(entry.record, entry.claim);
      grown.put(record, claim);
      this.#entries.set(claim.address, grown);
    }
  }

  #take(record: R, address: string): void {
    const entry = this.#entries.get(address);
    if (entry instanceof Entry) {
      entry.take(record);
      if (entry.users.size === 0) this.#entries.delete(address);
    } else if (entry?.record === record) this.#entries.delete(address);
  }

  /** Everything that others may judge by; two texts are equal when nobody needs to be judged again. */
  #claimantText(address: string): string {
    const entry = this.#entries.get(address);
    if (entry === undefined) return '';
    if (!(entry instanceof Entry)) {
      const { record, claim } = entry;
      return claim.strength === 'use' ? '' : `${record.cluster} ${claim.sound} ${claim.strength === 'node'}`;
    }
    return [...entry.tallies]
      .map(([cluster, { sound, nodes }]) => `${cluster} ${sound > 0} ${nodes > 0}`)
      .sort()
      .join(',');
  }
}

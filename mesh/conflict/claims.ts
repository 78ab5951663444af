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
/** So few users of an address are a list, whose tallies are taken when asked for: nearly all addresses have one or two. */
const LISTED_MAX = 4;

function count(tallies: Map<ClusterName, Tally>, cluster: ClusterName, { strength, sound }: Claim, step: 1 | -1): void {
  const tally = tallies.get(cluster) ?? { sound: 0, unsound: 0, nodes: 0, uses: 0 };
  tally[strength === 'use' ? 'uses' : sound ? 'sound' : 'unsound'] += step;
  if (strength === 'node') tally.nodes += step;
  if (tally.sound + tally.unsound + tally.uses === 0) tallies.delete(cluster);
  else tallies.set(cluster, tally);
}

/** An address that many records use, counted so that one more or one less costs the same however many there are. */
class Crowd<R extends Claiming> {
  readonly users = new Set<R>();
  readonly tallies = new Map<ClusterName, Tally>();

  put(record: R, claim: Claim): void {
    this.users.add(record);
    count(this.tallies, record.cluster, claim, 1);
  }

  take(record: R, claim: Claim): void {
    if (this.users.delete(record)) count(this.tallies, record.cluster, claim, -1);
  }
}

/** Whoever uses an address, in the form that takes least: a mesh has as many addresses as it has endpoints. */
type Users<R extends Claiming> = R | readonly R[] | Crowd<R>;

const isList = <R extends Claiming>(users: Users<R>): users is readonly R[] => Array.isArray(users);

export class ClaimIndex<R extends Claiming> {
  readonly #users = new Map<string, Users<R>>();
  readonly #contested = new Set<string>();

  /** Sets all claims of a record at once. Returns the addresses whose users must look again. */
  replace(record: R, claims: readonly Claim[]): readonly string[] {
    const { taken, put } = changeBetween(record.claims, claims);
    const [only, ...more] = put;
    if (taken.length === 0 && more.length === 0 && only !== undefined && !this.#users.has(only.address)) {
      // As it is for nearly every endpoint of a list: nobody else is concerned.
      record.claims = claims;
      this.#users.set(only.address, record);
      return [only.address];
    }
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
    const users = this.#users.get(address);
    if (users === undefined) return NOBODY;
    if (isList(users) || users instanceof Crowd) {
      const claiming = [...talliesOf(users, address)].filter(([, { sound, unsound }]) => sound + unsound > 0);
      return claiming.map(([cluster, { sound }]) => ({ cluster, sound: sound > 0 }));
    }
    const claim = claimTo(users, address);
    return claim.strength === 'use' ? NOBODY : [{ cluster: users.cluster, sound: claim.sound }];
  }

  hasNode(address: string, cluster: ClusterName): boolean {
    const users = this.#users.get(address);
    if (users === undefined) return false;
    if (users instanceof Crowd) return (users.tallies.get(cluster)?.nodes ?? 0) > 0;
    const isNode = (user: R) => user.cluster === cluster && claimTo(user, address).strength === 'node';
    return isList(users) ? users.some(isNode) : isNode(users);
  }

  users(address: string): readonly R[] {
    const users = this.#users.get(address);
    if (users === undefined) return [];
    if (isList(users)) return users;
    return users instanceof Crowd ? [...users.users] : [users];
  }

  /** Whether records of several clusters claim or use the address. */
  isShared(address: string): boolean {
    const users = this.#users.get(address);
    if (users === undefined) return false;
    if (users instanceof Crowd) return users.tallies.size > 1;
    return isList(users) && users.some(({ cluster }) => cluster !== users[0]?.cluster);
  }

  /** Addresses with several claimants. */
  contested(): readonly string[] {
    return [...this.#contested];
  }

  #put(record: R, claim: Claim): void {
    const { address } = claim;
    const users = this.#users.get(address);
    if (users instanceof Crowd) {
      users.put(record, claim);
      return;
    }
    const others = users === undefined ? [] : isList(users) ? users : [users];
    if (others.length === 0) this.#users.set(address, record);
    else if (others.length < LISTED_MAX) this.#users.set(address, [...others, record]);
    else {
      const crowd = new Crowd<R>();
      for (const user of others) crowd.put(user, claimTo(user, address));
      crowd.put(record, claim);
      this.#users.set(address, crowd);
    }
  }

  #take(record: R, claim: Claim): void {
    const users = this.#users.get(claim.address);
    if (users instanceof Crowd) {
      users.take(record, claim);
      if (users.users.size > LISTED_MAX) return;
    }
    const left = this.users(claim.address).filter((user) => user !== record);
    const [first] = left;
    if (first === undefined) this.#users.delete(claim.address);
    else if (left.length === 1) this.#users.set(claim.address, first);
    else this.#users.set(claim.address, left);
  }

  /**
   * Everything that users judge the address by; two texts are equal when nobody needs to look again. As long as it is one
   * cluster's own affair, that is only whether it is a node's.
   */
  #rivalry(address: string): string {
    const users = this.#users.get(address);
    if (users === undefined) return '';
    if (!isList(users) && !(users instanceof Crowd)) {
      return `${users.cluster} ${claimTo(users, address).strength === 'node'}`;
    }
    const tallies = talliesOf(users, address);
    const alone = tallies.size === 1;
    return [...tallies]
      .map(([cluster, { sound, unsound, nodes }]) =>
        alone ? `${cluster} ${nodes > 0}` : `${cluster} ${sound > 0} ${unsound > 0} ${nodes > 0}`,
      )
      .sort()
      .join(',');
  }
}

/** What each cluster's records say of the address. */
function talliesOf<R extends Claiming>(
  users: readonly R[] | Crowd<R>,
  address: string,
): ReadonlyMap<ClusterName, Readonly<Tally>> {
  if (users instanceof Crowd) return users.tallies;
  const tallies = new Map<ClusterName, Tally>();
  for (const user of users) count(tallies, user.cluster, claimTo(user, address), 1);
  return tallies;
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

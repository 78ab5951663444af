// Which records say that an address is their cluster's, counted for each claimant, so that taking one claim away never takes
// another's entry with it and the next claimant moves up when the winner withdraws. Endpoints and nodes claim an address; the backend of a
// service only uses it. A pure data structure: it knows nothing of who wins.

import type { ClusterName } from '../model/names.ts';
import { type Claim, type Claims, changeBetween, claimTo } from './claim-list.ts';

export interface Claimant {
  readonly cluster: ClusterName;
  readonly sound: boolean;
}

/** A record with its claims. The index writes them. */
export interface Claiming {
  readonly cluster: ClusterName;
  claims: Claims;
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

/** What is counted of a claim. */
type Weight = Pick<Claim, 'strength' | 'sound'>;

function count(
  tallies: Map<ClusterName, Tally>,
  cluster: ClusterName,
  { strength, sound }: Weight,
  step: 1 | -1,
): void {
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

  put(record: R, claim: Weight): void {
    this.users.add(record);
    count(this.tallies, record.cluster, claim, 1);
  }

  take(record: R, claim: Weight): void {
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
  replace(record: R, claims: Claims): readonly string[] {
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
    const claim = claimTo(users.claims, address);
    return claim.strength === 'use' ? NOBODY : [{ cluster: users.cluster, sound: claim.sound }];
  }

  hasNode(address: string, cluster: ClusterName): boolean {
    const users = this.#users.get(address);
    if (users === undefined) return false;
    if (users instanceof Crowd) return (users.tallies.get(cluster)?.nodes ?? 0) > 0;
    const isNode = (user: R) => user.cluster === cluster && claimTo(user.claims, address).strength === 'node';
    return isList(users) ? users.some(isNode) : isNode(users);
  }

  users(address: string): readonly R[] {
    const users = this.#users.get(address);
    if (users === undefined) return [];
    if (isList(users)) return users;
    return users instanceof Crowd ? [...users.users] : [users];
  }

  /** The first of those who claim or use the address that is wanted. */
  find(address: string, wanted: (user: R) => boolean): R | undefined {
    const users = this.#users.get(address);
    if (users === undefined) return undefined;
    if (isList(users)) return users.find(wanted);
    if (!(users instanceof Crowd)) return wanted(users) ? users : undefined;
    for (const user of users.users) if (wanted(user)) return user;
    return undefined;
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
    // Lists are made in their size: one that grew has room for many more, at each of very many addresses.
    if (users === undefined) this.#users.set(address, record);
    else if (!isList(users)) this.#users.set(address, [users, record]);
    else if (users.length < LISTED_MAX) this.#users.set(address, users.concat(record));
    else {
      const crowd = new Crowd<R>();
      for (const user of users) crowd.put(user, claimTo(user.claims, address));
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
      return `${users.cluster} ${claimTo(users.claims, address).strength === 'node'}`;
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
  for (const user of users) count(tallies, user.cluster, claimTo(user.claims, address), 1);
  return tallies;
}

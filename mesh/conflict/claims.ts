// Which records say that an address is their cluster's, counted for each claimant, so that taking one claim away never takes
// another's entry with it and the next claimant moves up when the winner withdraws. Endpoints and nodes claim an address; the backend of a
// service only uses it. A pure data structure: it knows nothing of who wins.

import type { ClusterName } from '../model/names.ts';
import { AddressTable } from './address-table.ts';
import { type Addressed, type Claim, type Claims, changeBetween, claimTo } from './claim-list.ts';

export interface Claimant {
  readonly cluster: ClusterName;
  readonly sound: boolean;
}

/** A record with its claims. The index writes them. */
export interface Claiming extends Addressed {
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

const NOBODY: readonly Standpoint[] = [];
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

/** Whoever claims or uses an address, in the form that takes least: a mesh has as many addresses as it has endpoints. */
type Users<R extends Claiming> = R | readonly R[] | Crowd<R>;

const isList = <R extends Claiming>(users: Users<R>): users is readonly R[] => Array.isArray(users);

/** What is judged of the claims of one cluster to one address. */
interface Standpoint extends Claimant {
  readonly isNode: boolean;
}

/** Nobody is judged by who uses an address, so that claims and uses are kept apart, and a use concerns nobody but its record. */
export class ClaimIndex<R extends Claiming> {
  readonly #claiming = new AddressTable<Users<R>>();
  readonly #using = new AddressTable<Users<R>>();
  readonly #contested = new Set<string>();

  /** Sets all claims of a record at once. Returns whoever is to be judged again because of that, beside the record. */
  replace(record: R, claims: Claims): readonly R[] {
    const { taken, put } = changeBetween(record, claims);
    const [first, ...more] = put;
    if (first !== undefined && first.strength !== 'use' && taken.length + more.length === 0) {
      if (!this.#claiming.has(first.address)) return this.#claimFirst(record, claims, first);
    }
    const changes = [...taken, ...put];
    const before = new Map<string, readonly Standpoint[]>();
    for (const { address, strength } of changes) {
      if (strength !== 'use' && !before.has(address)) before.set(address, this.#standpoints(address));
    }
    for (const claim of taken) take(this.#tableOf(claim), record, claim);
    record.claims = claims;
    for (const claim of put) add(this.#tableOf(claim), record, claim);
    const concerned: R[] = [];
    for (const [address, standpoints] of before) {
      const after = this.#standpoints(address);
      concerned.push(...this.#concerned(address, standpoints, after));
      if (after.length > 1) this.#contested.add(address);
      else if (standpoints.length > 1) this.#contested.delete(address);
    }
    return concerned;
  }

  /** As it is for nearly every endpoint of a list: it is the only claim of its record, and nobody else claims the address. */
  #claimFirst(record: R, claims: Claims, { address, strength }: Claim): readonly R[] {
    record.claims = claims;
    this.#claiming.set(address, record);
    const using = this.#using.get(address);
    if (using === undefined) return [];
    const users = listOf(using);
    return strength === 'node' ? users : users.filter(({ cluster }) => cluster !== record.cluster);
  }

  /** Clusters whose endpoints or nodes have the address. */
  claimants(address: string): readonly Claimant[] {
    return this.#standpoints(address);
  }

  hasNode(address: string, cluster: ClusterName): boolean {
    return this.#standpoints(address).some((standpoint) => standpoint.isNode && standpoint.cluster === cluster);
  }

  /** The records that claim the address. */
  claiming(address: string): readonly R[] {
    return listOf(this.#claiming.get(address));
  }

  /** The records that only use it. */
  using(address: string): readonly R[] {
    return listOf(this.#using.get(address));
  }

  users(address: string): readonly R[] {
    return [...this.claiming(address), ...this.using(address)];
  }

  /** The first of those who claim the address that is wanted. */
  find(address: string, wanted: (user: R) => boolean): R | undefined {
    const users = this.#claiming.get(address);
    if (users === undefined) return undefined;
    if (isList(users)) return users.find(wanted);
    if (!(users instanceof Crowd)) return wanted(users) ? users : undefined;
    for (const user of users.users) if (wanted(user)) return user;
    return undefined;
  }

  /** Whether records of several clusters claim or use the address. */
  isShared(address: string): boolean {
    const clusters = new Set<ClusterName>();
    for (const users of [this.#claiming.get(address), this.#using.get(address)]) {
      if (users instanceof Crowd) for (const cluster of users.tallies.keys()) clusters.add(cluster);
      else for (const { cluster } of listOf(users)) clusters.add(cluster);
    }
    return clusters.size > 1;
  }

  /** Addresses with several claimants. */
  contested(): readonly string[] {
    return [...this.#contested];
  }

  #tableOf({ strength }: Weight): AddressTable<Users<R>> {
    return strength === 'use' ? this.#using : this.#claiming;
  }

  #standpoints(address: string): readonly Standpoint[] {
    const users = this.#claiming.get(address);
    if (users === undefined) return NOBODY;
    if (isList(users) || users instanceof Crowd) {
      return [...talliesOf(users, address)].map(([cluster, { sound, nodes }]) => {
        return { cluster, sound: sound > 0, isNode: nodes > 0 };
      });
    }
    const { strength, sound } = claimTo(users.claims, address);
    return [{ cluster: users.cluster, sound, isNode: strength === 'node' }];
  }

  /** As long as it is one cluster's own affair, its records are judged by no more than whether the address is a node's. */
  #concerned(address: string, before: readonly Standpoint[], after: readonly Standpoint[]): readonly R[] {
    if (sameStandpoints(before, after)) return [];
    const [only] = [...before, ...after];
    const users = this.users(address);
    if (only === undefined || [...before, ...after].some(({ cluster }) => cluster !== only.cluster)) return users;
    const isNodeNow = after[0]?.isNode === true;
    return isNodeNow === (before[0]?.isNode === true) ? users.filter(({ cluster }) => cluster !== only.cluster) : users;
  }
}

/** In whatever order they are told. */
function sameStandpoints(a: readonly Standpoint[], b: readonly Standpoint[]): boolean {
  const sameAs = (one: Standpoint) => (other: Standpoint) =>
    one.cluster === other.cluster && one.sound === other.sound && one.isNode === other.isNode;
  return a.length === b.length && a.every((standpoint) => b.some(sameAs(standpoint)));
}

function listOf<R extends Claiming>(users: Users<R> | undefined): readonly R[] {
  if (users === undefined) return [];
  if (isList(users)) return users;
  return users instanceof Crowd ? [...users.users] : [users];
}

function add<R extends Claiming>(table: AddressTable<Users<R>>, record: R, claim: Claim): void {
  const { address } = claim;
  const users = table.get(address);
  if (users instanceof Crowd) {
    users.put(record, claim);
    return;
  }
  // Lists are made in their size: one that grew has room for many more, at each of very many addresses.
  if (users === undefined) table.set(address, record);
  else if (!isList(users)) table.set(address, [users, record]);
  else if (users.length < LISTED_MAX) table.set(address, users.concat(record));
  else {
    const crowd = new Crowd<R>();
    for (const user of users) crowd.put(user, claimTo(user.claims, address));
    crowd.put(record, claim);
    table.set(address, crowd);
  }
}

function take<R extends Claiming>(table: AddressTable<Users<R>>, record: R, claim: Claim): void {
  const { address } = claim;
  const users = table.get(address);
  if (users instanceof Crowd) {
    users.take(record, claim);
    if (users.users.size > LISTED_MAX) return;
  }
  const left = listOf(users).filter((user) => user !== record);
  const [first] = left;
  if (first === undefined) table.delete(address);
  else table.set(address, left.length === 1 ? first : left);
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

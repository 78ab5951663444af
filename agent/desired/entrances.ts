// Where connections come in: every address, port and protocol that this node knows a service by, once. What is wanted there, what is
// claimed, and its number in the maps stand with the object, so that nobody looks for a name. An entrance is found as long as
// something holds it: a service that claims it, a number of it, or rows of it in the maps. See targets.ts for where they lead.

import { type Family, familyOf } from '../../mesh/model/address.ts';
import type { IpAddress, ServiceKey } from '../../mesh/model/names.ts';
import { ByAddress } from './by-address.ts';
import type { DesiredFrontend } from './frontend.ts';
import { type Frontend, type FrontendName, frontendName, type MapProtocol, type NamedFrontend } from './names.ts';
import { NO_INDEX } from './targets.ts';

/** A service with those of its frontends that are to be programmed. */
export interface Placed {
  readonly key: ServiceKey;
  readonly admitted: readonly DesiredFrontend[];
}

export class Entrance implements NamedFrontend {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly family: Family;
  /** Where it stands in arrays that say something of every entrance; NO_INDEX when it is forgotten. The table's to write. */
  index: number;
  /** How many hold it. The table's to write. */
  holders = 0;
  /** Another entrance at the same address. The table's to write. */
  next: Entrance | undefined = undefined;
  /** Its service's number in the maps; 0 without. The IdSpace's to write. */
  id = 0;
  /** Who wants it: commonly one. FrontendClaims' to write. */
  claimants: ServiceKey | ReadonlySet<ServiceKey> | undefined = undefined;
  /** Whose frontend is to be programmed here. The DesiredState's to write. */
  placed: Placed | undefined = undefined;

  constructor({ address, port, protocol }: Frontend, index: number) {
    this.address = address;
    this.port = port;
    this.protocol = protocol;
    this.family = familyOf(address);
    this.index = index;
  }

  /** Made when it is asked for: it is what a person reads. */
  get name(): FrontendName {
    return frontendName(this);
  }

  /** What is to be programmed here. */
  get desired(): DesiredFrontend | undefined {
    const admitted = this.placed?.admitted;
    const first = admitted?.[0];
    return first === undefined || first.entrance === this ? first : admitted?.find(({ entrance }) => entrance === this);
  }
}

export class EntranceTable {
  /** The first entrance at an address; the others follow it. */
  readonly #entrances = new ByAddress<Entrance>();
  readonly #freeIndexes: number[] = [];
  #indexes = 0;

  /** The one entrance at this place. Nobody holds it yet where it is new. */
  at(place: Frontend): Entrance {
    const first = this.#entrances.get(place.address);
    const known = follow(first, place);
    if (known !== undefined) return known;
    const entrance = new Entrance(place, this.#newIndex());
    entrance.next = first;
    this.#entrances.set(place.address, entrance);
    return entrance;
  }

  /** For those who only look. */
  find(place: Frontend): Entrance | undefined {
    return follow(this.#entrances.get(place.address), place);
  }

  hold(entrance: Entrance): void {
    if (entrance.index === NO_INDEX) this.#remember(entrance);
    entrance.holders += 1;
  }

  drop(entrance: Entrance): void {
    entrance.holders -= 1;
    if (entrance.holders === 0) this.#forget(entrance);
  }

  /** The same object is found again, unless another one has taken its place. */
  #remember(entrance: Entrance): void {
    const first = this.#entrances.get(entrance.address);
    entrance.index = this.#newIndex();
    if (follow(first, entrance) !== undefined) return;
    entrance.next = first;
    this.#entrances.set(entrance.address, entrance);
  }

  #forget(entrance: Entrance): void {
    this.#freeIndexes.push(entrance.index);
    entrance.index = NO_INDEX;
    const { address } = entrance;
    const first = this.#entrances.get(address);
    if (first === entrance) {
      if (entrance.next === undefined) this.#entrances.delete(address);
      else this.#entrances.set(address, entrance.next);
    } else for (let at = first; at !== undefined; at = at.next) if (at.next === entrance) at.next = entrance.next;
    entrance.next = undefined;
  }

  #newIndex(): number {
    const free = this.#freeIndexes.pop();
    if (free !== undefined) return free;
    this.#indexes += 1;
    return this.#indexes - 1;
  }
}

function follow(first: Entrance | undefined, { port, protocol }: Frontend): Entrance | undefined {
  for (let at = first; at !== undefined; at = at.next) if (at.port === port && at.protocol === protocol) return at;
  return undefined;
}

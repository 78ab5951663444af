// Every address, port and protocol that this node knows a service by, once: so that nobody looks for a name. An entrance is found as
// long as something holds it: a service that claims it, a number of it, or rows of it in the maps. Forgotten, it is only not
// found any more: asked for again, it is another object. See targets.ts for where they lead.

import { address, network32 } from '../maps/bytes.ts';
import type { ServiceSlot } from '../maps/layout.ts';
import { ByAddress, v4NumberOf } from './by-address.ts';
import { Entrance } from './frontend.ts';
import type { Frontend } from './names.ts';
import { NO_INDEX } from './targets.ts';

export class EntranceTable {
  /** The first entrance at an address; the others follow it. */
  readonly #entrances = new ByAddress<Entrance>();
  readonly #freeIndexes: number[] = [];
  #indexes = 0;

  /** The one entrance at this place. Nobody holds it yet where it is new. */
  at(place: Frontend): Entrance {
    const v4 = v4NumberOf(place.address);
    const first = this.#entrances.get(place.address, v4);
    const known = follow(first, place);
    if (known !== undefined) return known;
    const entrance = new Entrance(place, v4, this.#newIndex());
    entrance.next = first;
    this.#entrances.set(entrance);
    return entrance;
  }

  /** The same of a place whose address stands in a row: commonly known, and then its text is not made. */
  atRow(bytes: Uint8Array, from: number, slot: ServiceSlot): Entrance | undefined {
    const known = this.findRow(bytes, from, slot);
    if (known !== undefined) return known;
    const own = address(bytes, from, slot.family);
    return own && this.at({ address: own, port: slot.port, protocol: slot.protocol });
  }

  /** For those who only look. */
  findRow(bytes: Uint8Array, from: number, slot: ServiceSlot): Entrance | undefined {
    if (slot.family === 4) return follow(this.#entrances.getV4(network32(bytes, from)), slot);
    const own = address(bytes, from, slot.family);
    return own && follow(this.#entrances.get(own, undefined), slot);
  }

  find(place: Frontend): Entrance | undefined {
    return follow(this.#entrances.get(place.address, v4NumberOf(place.address)), place);
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
    const first = this.#entrances.get(entrance.address, entrance.v4);
    entrance.index = this.#newIndex();
    if (follow(first, entrance) !== undefined) return;
    entrance.next = first;
    this.#entrances.set(entrance);
  }

  #forget(entrance: Entrance): void {
    this.#freeIndexes.push(entrance.index);
    entrance.index = NO_INDEX;
    const first = this.#entrances.get(entrance.address, entrance.v4);
    if (first === entrance) {
      if (entrance.next === undefined) this.#entrances.delete(entrance);
      else this.#entrances.set(entrance.next);
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

function follow(first: Entrance | undefined, { port, protocol }: Omit<Frontend, 'address'>): Entrance | undefined {
  for (let at = first; at !== undefined; at = at.next) if (at.port === port && at.protocol === protocol) return at;
  return undefined;
}

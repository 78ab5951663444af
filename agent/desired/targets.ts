// Where connections go: every backend address that this node knows of, once. Services that share a target share the object, so
// that nobody compares or stores names. A target is found as long as something holds it: a service that wants it, or a number of
// it in the maps. Forgotten, it stays what it was, and is only not found any more: asked for again, it is another object.

import type { Family } from '../../mesh/model/address.ts';
import type { ClusterId, IpAddress } from '../../mesh/model/names.ts';
import { type Addressed, ByAddress, v4NumberOf } from './by-address.ts';
import { type Destination, type MapProtocol, type TargetName, targetName } from './names.ts';

/** What targets have in common that differ only in their address. */
interface Port {
  readonly port: number;
  readonly protocol: MapProtocol;
  readonly clusterId: ClusterId;
  readonly family: Family;
}

export class Target implements Destination, Addressed {
  readonly address: IpAddress;
  readonly v4: number | undefined;
  readonly at: Port;
  /** Where it stands in arrays that say something of every target; NO_INDEX when it is forgotten. The table's to write. */
  index: number;
  /** How many hold it. The table's to write. */
  holders = 0;
  /** Its number in the maps; 0 without. The IdSpace's to write. */
  id = 0;
  /** Another target at the same address. The table's to write. */
  next: Target | undefined = undefined;

  constructor(address: IpAddress, v4: number | undefined, at: Port, index: number) {
    this.address = address;
    this.v4 = v4;
    this.at = at;
    this.index = index;
  }

  get port(): number {
    return this.at.port;
  }

  get protocol(): MapProtocol {
    return this.at.protocol;
  }

  get clusterId(): ClusterId {
    return this.at.clusterId;
  }

  get family(): Family {
    return this.at.family;
  }

  get name(): TargetName {
    return targetName(this);
  }
}

export const NO_INDEX = -1;

export interface TargetSource {
  at(address: IpAddress, port: number, protocol: MapProtocol, clusterId: ClusterId): Target;
}

export class TargetTable implements TargetSource {
  readonly #ports = new Map<number, Port>();
  /** The first target at an address; the others follow it. */
  readonly #targets = new ByAddress<Target>();
  readonly #freeIndexes: number[] = [];
  #indexes = 0;

  /** The one target with this address, port, protocol and cluster. Nobody holds it yet where it is new. */
  at(address: IpAddress, port: number, protocol: MapProtocol, clusterId: ClusterId): Target {
    const v4 = v4NumberOf(address);
    const shared = this.#portOf(port, protocol, clusterId, v4 === undefined ? 6 : 4);
    const first = this.#targets.get(address, v4);
    const known = follow(first, shared);
    if (known !== undefined) return known;
    const target = new Target(address, v4, shared, this.#newIndex());
    target.next = first;
    this.#targets.set(target);
    return target;
  }

  /** For those who only look: a target that is not known stays unknown. */
  readonly onlooker: TargetSource = {
    at: (address, port, protocol, clusterId) => {
      const v4 = v4NumberOf(address);
      const shared = this.#portOf(port, protocol, clusterId, v4 === undefined ? 6 : 4);
      return follow(this.#targets.get(address, v4), shared) ?? new Target(address, v4, shared, NO_INDEX);
    },
  };

  hold(target: Target): void {
    if (target.index === NO_INDEX) this.#remember(target);
    target.holders += 1;
  }

  drop(target: Target): void {
    target.holders -= 1;
    if (target.holders === 0) this.#forget(target);
  }

  /** The same object is found again, unless another one has taken its place. */
  #remember(target: Target): void {
    const first = this.#targets.get(target.address, target.v4);
    target.index = this.#newIndex();
    if (follow(first, target.at) !== undefined) return;
    target.next = first;
    this.#targets.set(target);
  }

  #forget(target: Target): void {
    this.#freeIndexes.push(target.index);
    target.index = NO_INDEX;
    const first = this.#targets.get(target.address, target.v4);
    if (first === target) {
      if (target.next === undefined) this.#targets.delete(target);
      else this.#targets.set(target.next);
    } else for (let at = first; at !== undefined; at = at.next) if (at.next === target) at.next = target.next;
    target.next = undefined;
  }

  #portOf(port: number, protocol: MapProtocol, clusterId: ClusterId, family: Family): Port {
    const key = (clusterId * 0x1_0000 + port) * 4 + (protocol === 'UDP' ? 2 : 0) + (family === 6 ? 1 : 0);
    let known = this.#ports.get(key);
    if (known === undefined) {
      known = { port, protocol, clusterId, family };
      this.#ports.set(key, known);
    }
    return known;
  }

  #newIndex(): number {
    const free = this.#freeIndexes.pop();
    if (free !== undefined) return free;
    this.#indexes += 1;
    return this.#indexes - 1;
  }
}

function follow(first: Target | undefined, shared: Port): Target | undefined {
  for (let target = first; target !== undefined; target = target.next) if (target.at === shared) return target;
  return undefined;
}

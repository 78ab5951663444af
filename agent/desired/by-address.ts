// Values by address. IPv4 addresses of a mesh lie close together, so they are kept by number: no text is hashed, and nothing has
// to be moved when there are more of them, which would hold up everything else for longer than an agent may.

import { familyOf, parseV4Number } from '../../mesh/model/address.ts';
import type { IpAddress } from '../../mesh/model/names.ts';
import { Paged } from './paged.ts';

/** What has an address; `v4` is what `v4NumberOf` says of it, so that a text is read once. */
export interface Addressed {
  readonly address: IpAddress;
  readonly v4: number | undefined;
}

/** An IPv4 address as a number of 32 bits with a sign, which takes no memory of its own; absent for IPv6. */
export function v4NumberOf(address: IpAddress): number | undefined {
  if (familyOf(address) === 6) return undefined;
  const number = parseV4Number(address);
  if (typeof number === 'string') throw new Error(`not an address: ${address}`);
  return number | 0;
}

export class ByAddress<T extends Addressed> {
  readonly #v4 = new Paged<T>();
  readonly #v6 = new Map<IpAddress, T>();

  /** `v4` is that of the address. */
  get(address: IpAddress, v4: number | undefined): T | undefined {
    return v4 === undefined ? this.#v6.get(address) : this.#v4.get(v4);
  }

  /** The same of an IPv4 address by its number, of which the sign does not matter. */
  getV4(number: number): T | undefined {
    return this.#v4.get(number);
  }

  set(value: T): void {
    if (value.v4 === undefined) this.#v6.set(value.address, value);
    else this.#v4.set(value.v4, value);
  }

  delete({ address, v4 }: Addressed): void {
    if (v4 === undefined) this.#v6.delete(address);
    else this.#v4.delete(v4);
  }
}
